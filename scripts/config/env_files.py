"""Reads `pipeline.toml` and `.env` files; nothing of them enters the environment of this process."""

from __future__ import annotations

import io
import os
import pwd
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from scripts.config.variables import TO_WRITE, name_in_ci
from scripts.errors import ConfigError

# The subset on which python-dotenv, Vite 5 to 8 and bash agree (facts: secrets.md, section 3.1).
LINE = re.compile(
    r"""(?:export\ )?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=
    (?: (?: "(?P<double>[^"\\$`]*)" | '(?P<single>[^'\\$`]*)' | (?P<bare>[A-Za-z0-9_./:@%+,=^?-]+) )
    (?:\ +\#[^"']*)? )?\ *""",
    re.VERBOSE,
)
LARGEST = 256 * 1024
MARK = "\ufeff"
# these keep the file's owner and mode
WITHOUT_MARK = "`perl -pi -e 's/^\\xef\\xbb\\xbf//' {file}`"
WITHOUT_RETURNS = "`perl -pi -e 's/\\r$//' {file}`"
IN_UTF8 = "`iconv -f {form} -t UTF-8 {file} >{file}.utf8 && cat {file}.utf8 >{file} && rm {file}.utf8`"


AT_LINE = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class Cause(NamedTuple):
    """What is wrong with a file as a whole: it is told once, not for each line.

    Args:
        line: the first one, from 1.
        hint: how to fix it; `{file}` stands for the file.
    """

    line: int
    what: str
    hint: str


def read_toml(file: Path) -> dict[str, Any]:
    """The table of a TOML file.

    Raises:
        ConfigError: the file does not exist, can't be read, or is no TOML.
    """
    text = read_text(file)
    if text is None:
        raise ConfigError(
            f"there is no `{file}`", "`AIRHOST_ENV_DIR` names the folder with `pipeline.toml`"
        )
    try:
        return tomllib.loads(text.removeprefix(MARK))  # an editor's mark changes nothing here
    except tomllib.TOMLDecodeError as fault:
        said = AT_LINE.fullmatch(str(fault))
        what, line = (said[1], said[2]) if said else (str(fault), None)
        where = f", line {line}" if line else ", at its end" if said else ""
        raise ConfigError(
            f"`{file}`{where}: not TOML: {what[:1].lower()}{what[1:]}",
            'a line is `key = "text"`, `key = 3`, `key = true` or `key = ["a", "b"]`',
        ) from None


class BadLine(NamedTuple):
    """A line that not all parsers read alike: its number from 1, and why, without its value."""

    number: int
    why: str


@dataclass(frozen=True)
class Lines:
    """The lines of a `.env` file.

    Args:
        entries: (number from 1, name, value) each.
        faults: the lines that not all parsers read alike.
        causes: what is wrong with the file as a whole; its lines are read as if it were fixed.
    """

    entries: tuple[tuple[int, str, str], ...] = ()
    faults: tuple[BadLine, ...] = ()
    causes: tuple[Cause, ...] = ()


def read_text(file: Path) -> str | None:
    """The text of the file, line ends as they are; None when there is no file.

    Raises:
        ConfigError: it can't be read, is no UTF-8, or is too large.
    """
    try:
        raw = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise ConfigError(f"`{file}` can't be read: {fault.strerror}") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise _foreign(file, raw, raw.count(b"\n", 0, fault.start) + 1) from None
    if "\0" in text[:LARGEST]:
        raise _foreign(file, raw, None)
    if len(text) > LARGEST:
        raise ConfigError(f"`{file}` is larger than {LARGEST // 1024} KiB: that is no configuration")
    return text


def _foreign(file: Path, raw: bytes, line: int | None) -> ConfigError:
    """What the file is instead of UTF-8; `line`: the first one that is not."""
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    if marked or raw[1::2].count(0) > len(raw) // 4 or raw[::2].count(0) > len(raw) // 4:
        form = "UTF-16" if marked else "UTF-16LE"
        return ConfigError(f"`{file}` is in UTF-16, not in UTF-8", IN_UTF8.format(form=form, file=file))
    if line is None:
        return ConfigError(f"`{file}` is not in UTF-8", "save it as UTF-8 without a byte order mark")
    hint = f"if an older Windows editor wrote it: {IN_UTF8.format(form='CP1252', file=file)}"
    return ConfigError(f"`{file}`, line {line}: not in UTF-8", hint)


def parse_lines(text: str) -> Lines:
    """Each line by itself, so that one bad line hides no other."""
    entries, faults, returns = [], [], []
    for number, ended in enumerate(text.removeprefix(MARK).split("\n"), 1):
        line = ended.removesuffix("\r")
        returns += [number] if line != ended else []
        match = LINE.fullmatch(line) if line.isprintable() else None
        if match:
            value = match["double"] or match["single"] or match["bare"] or ""
            entries.append((number, match["name"], value))
        elif not _is_comment(line):
            faults.append(BadLine(number, _why(line)))
    return Lines(tuple(entries), tuple(faults), tuple(_causes(text, returns)))


def _why(line: str) -> str:
    """What is wrong with a line, in words that hold none of it."""
    name, sign, value = line.strip().partition("=")
    value = value.strip()
    quote = value[:1] if value[:1] in ("'", '"') else ""
    odd = next((f"`{each}`" for each in "$\\`" if each in value), "a tab" if "\t" in line else "")
    if not sign:
        return "there is no `=`"
    if line != line.strip() or name != name.strip() or line.partition("=")[2][:1] == " ":
        return "a blank before the name or beside `=`"
    if odd:
        return f"{odd} in a value is read in different ways"
    if quote and value.count(quote) != 2:
        return "a quote has no other half, or stands within the value"
    if not value.isascii() and not quote:
        return "an accent, or a letter that is no ASCII, without quotes"
    return "a blank or a special character without quotes"


def _causes(text: str, returns: list[int]) -> Iterator[Cause]:
    if text.startswith(MARK):
        yield Cause(1, "begins with a byte order mark (BOM), which not all parsers skip", WITHOUT_MARK)
    if returns:
        count = "1 line ends" if len(returns) == 1 else f"{len(returns)} lines end"
        what = f"has the line ends of Windows ({count} with CR LF): not all parsers leave the CR out"
        yield Cause(returns[0], what, WITHOUT_RETURNS)


def parse_values(text: str, file: Path) -> dict[str, str]:
    """The values of the text of `file`, without expansion. No message holds a value.

    Raises:
        ConfigError: a line that not all parsers read alike.
    """
    lines = parse_lines(text)
    for cause in lines.causes:
        raise ConfigError(f"`{file}` {cause.what}", cause.hint.format(file=file))
    faults = lines.faults
    if faults:
        listed = ", ".join(str(each.number) for each in faults[:10])
        raise ConfigError(f"`{file}`, line {listed}: {faults[0].why}", TO_WRITE)
    from dotenv import dotenv_values

    parsed = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in parsed.items() if value is not None}


def _is_comment(line: str) -> bool:
    """Whether the line is blank or a comment. With control characters or odd line ends it is neither."""
    return line.isprintable() and (not line.strip(" ") or line.lstrip(" ").startswith("#"))


def why_not_ours(path: Path) -> tuple[str, str] | None:
    """Who else can change a file or folder that decides what is run, and how to end that; None: nobody."""
    try:
        status = path.stat()
    except OSError:
        return None
    if status.st_mode & stat.S_IWOTH:
        return f"everybody on this machine can write to `{path}`", f"`chmod o-w {path}`"
    if status.st_uid not in (os.geteuid(), 0):
        try:
            owner = pwd.getpwuid(status.st_uid).pw_name
        except KeyError:
            owner = str(status.st_uid)
        return (
            f"`{path}` belongs to another user of this machine, `{owner}`, who can change it",
            f"`sudo chown $(id -un) {path}`",
        )
    return None


def readable_by_others(file: Path) -> bool:
    """Whether other users of this machine may read or change the file."""
    try:
        return bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except FileNotFoundError:
        return False


def from_process(environment: str, plain: Iterable[str] = ()) -> dict[str, str]:
    """What the process environment says of one environment: `STAGING_DATABASE_URL`, without the prefix.

    Args:
        plain: names that count without the prefix too; a prefixed one wins.

    An empty value counts as none: that is what a CI job gets for a secret that nobody has set.
    """
    prefix = name_in_ci(environment, "")
    prefixed = {
        name.removeprefix(prefix): value
        for name, value in os.environ.items()
        if name.startswith(prefix) and value
    }
    return {name: os.environ[name] for name in plain if os.environ.get(name)} | prefixed
