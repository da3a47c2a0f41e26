# pure
"""What the files of a migrations folder are to the Supabase CLI: applied, skipped, or not what they seem.

Facts measured with 3.1.0: it applies what is named `<digits>_<name>.sql`, directly in the folder, and skips
every other file; `x.down.sql` is applied like any other. It skips a first file `..._init.sql` older than
2021-12-09. It drops byte order marks around statements, and puts U+FFFD where a file is no UTF-8.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scripts.database.migrations.statements import outside_quotes

FILE = re.compile(r"([0-9]+)_([^/\n]*)\.sql")  # the Supabase CLI's own rule
STAMP = "%Y%m%d%H%M%S"
IGNORED = re.compile(r"(?i)\.(md|markdown|rst|txt|adoc|keep|gitkeep|gitignore|gitattributes)$")
DOWN = re.compile(r"(?i)(.*)\.(down|undo|revert|rollback)")
UP = re.compile(r"(?i)(.*)\.(up|do|deploy)")
# a version as people write it: digits, or date and time with signs between
VERSION = re.compile(r"(\d{4})[-_]?(\d\d)[-_]?(\d\d)[T_-]?(\d\d)[:_-]?(\d\d)[:_-]?(\d\d)(?!\d)|(\d+)")
SQL_ENDING = re.compile(r"(?i)\.[a-z]*sql")
LEGACY_INIT = re.compile(r"(\d{14})_init\.sql")
LAST_LEGACY = "20211209000000"
LFS = "version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class FileFault:
    """A file that is not the migration that it is meant to be.

    Args:
        name: its path below the folder.
        version: under which the CLI would apply it all the same; "" where it skips it.
        command: what fixes it, typed at the repository's root; "" where only a person can tell.
    """

    name: str
    why: str
    version: str = ""
    command: str = ""

    def __str__(self) -> str:
        return f"`{shown(self.name)}` {self.why}"


def name_faults(names: Iterable[str], folder: str, undo_folder: str, now: str) -> Iterator[FileFault]:
    """Files that the CLI would skip or misread, each with the name that fixes it.

    Args:
        folder: where they are, below the repository's root.
        undo_folder: of the rollback scripts; "" where there are none.
        now: UTC, ISO 8601: a file without a version gets this time, or one after the newest version.
    """
    known = sorted(names)
    stamps = _free_stamps(known, now)
    taken = set(known)
    first = min((name for name in known if FILE.fullmatch(name)), default="")
    for name in known:
        why = name_fault(name, first=name == first)
        if not why:
            continue
        match = FILE.fullmatch(name)
        down = DOWN.fullmatch(match[2]) if match else None
        if match and down and undo_folder:
            place = f"{undo_folder.strip('/')}/{match[1]}_{down[1]}.sql"
        else:
            new = "" if down else better_name(name, stamps)
            free = new and new not in taken
            place = f"{folder.strip('/')}/{new}" if free else _beside(folder, name)
            taken.add(new)
        applied = match is not None and not (name == first and _is_legacy(name))
        move = f"git mv {quoted(folder.strip('/') + '/' + name)} {quoted(place)}" if place else ""
        made = f"mkdir -p {quoted(undo_folder.strip('/'))} && " if down and undo_folder else ""
        yield FileFault(name, why, match[1] if match and applied else "", made + move)


def _beside(folder: str, name: str) -> str:
    """Out of the folder, to the one above it; "" where there is none."""
    above, _, _ = folder.strip("/").rpartition("/")
    return f"{above}/{_plain(name.rpartition('/')[2])}" if above else ""


def name_fault(name: str, *, first: bool = False) -> str:
    """Why the CLI does not do with a file of this name what was meant; "" where it does.

    Args:
        name: its path below the folder.
        first: it is the first of all.
    """
    match = FILE.fullmatch(name)
    if match is None:
        return _skipped(name) if _is_meant(name) else ""
    if not name.isprintable():
        return "has characters in its name that can't be seen"
    if first and _is_legacy(name):
        return "is skipped by the Supabase CLI: a first file `_init.sql` of before 2021-12-09 is its own"
    if DOWN.fullmatch(match[2]):
        return "is applied by the Supabase CLI like any other: it has no down scripts"
    if UP.fullmatch(match[2]):
        return "is applied by the Supabase CLI like any other: it knows no pairs of up and down"
    return ""


def _skipped(name: str) -> str:
    skipped = "is skipped by the Supabase CLI: "
    folder, _, base = name.rpartition("/")
    if folder and SQL_ENDING.search(folder):
        return skipped + f"`{shown(folder)}` is a folder, and it does not look into folders"
    if folder:
        return skipped + "it does not look into folders"
    if base != base.strip():
        return skipped + "there are blanks around its name"
    if not base.endswith(".sql"):
        return skipped + "its name does not end with `.sql`"
    if re.match(r"[0-9]", base):
        return skipped + "no `_` follows its version"
    return skipped + "its name does not begin with a version, as in `20260131120000_name.sql`"


def _is_meant(name: str) -> bool:
    """Whether a file that the CLI skips looks like one that was meant as a migration."""
    folder, _, base = name.rpartition("/")
    if SQL_ENDING.search(base) or any(SQL_ENDING.search(part) for part in folder.split("/")):
        return True
    return re.match(r"\s*\d{8}", base) is not None and not IGNORED.search(base)


def _is_legacy(name: str) -> bool:
    match = LEGACY_INIT.fullmatch(name)
    return match is not None and match[1] < LAST_LEGACY


def better_name(name: str, stamps: Iterator[str]) -> str:
    """The name under which the CLI applies it; "" where only a person can tell."""
    base = _plain(name.rpartition("/")[2]).strip()
    if FILE.fullmatch(base) and _is_legacy(base):
        return base.replace("_init.sql", "_initial.sql")
    ending = SQL_ENDING.search(base)
    if ending and base[ending.end() :].strip():
        return ""  # a copy, or switched off: `x.sql.bak`
    if ending is None and not re.match(r"\d{8}", base):
        return ""
    stem = base[: ending.start()] if ending else base
    for pattern in (UP, DOWN):
        match = pattern.fullmatch(stem)
        stem = match[1] if match else stem
    found = VERSION.match(stem)
    version = (found[7] or "".join(found.groups()[:6])) if found else next(stamps)
    rest = re.sub(r"^[\W_]+", "", stem[found.end() :] if found else stem)
    return f"{version}_{rest or 'migration'}.sql"


def _plain(text: str) -> str:
    """With ASCII digits, and without what can't be seen."""
    digits = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
    return "".join(c for c in digits if c.isprintable() or c == " ")


def _free_stamps(names: Collection[str], now: str) -> Iterator[str]:
    """Versions that come after all that are there, as times."""
    times = (FILE.fullmatch(name) for name in names)
    newest = max((match[1] for match in times if match and is_timestamp(match[1])), default="")
    stamp = max(datetime.fromisoformat(now).astimezone(UTC).strftime(STAMP), newest)
    while True:
        after = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
        stamp = after.strftime(STAMP)
        yield stamp


def is_timestamp(version: str) -> bool:
    """Whether a version is a time, as the CLI makes them."""
    if not re.fullmatch(r"[0-9]{14}", version):
        return False
    try:
        datetime.strptime(version, STAMP)  # noqa: DTZ007 - only whether there is such a time
    except ValueError:
        return False
    return True


def content_fault(name: str, text: str | None, fault: str, path: str) -> FileFault | None:
    """What keeps the text of a migration from being what was meant; None where nothing does.

    Args:
        text: of the commit, None if there is none; `fault` says why.
        path: of the file, below the repository's root.
    """
    match = FILE.fullmatch(name)
    version, where = (match[1] if match else ""), shlex.quote(path)
    if text is None:
        return FileFault(
            name, fault, version, command=f"git rm --cached {where}, and commit the file itself"
        )
    raw = text.encode("utf-8", "surrogateescape")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return FileFault(name, "is UTF-16, not UTF-8", version, command=_reencoded("UTF-16", where))
    if "\0" in text:
        return FileFault(name, "holds a NUL byte, which no SQL can", version)
    if text.startswith(LFS):
        put = f"git lfs untrack {where} && git add --renormalize {where}"
        return FileFault(
            name, "is a pointer of git-lfs: the SQL is not in the commit", version, command=put
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        why = f"is no UTF-8 (line {line}): the Supabase CLI would replace what it can't read by U+FFFD"
        return FileFault(name, why, version, command=_reencoded("WINDOWS-1252", where))
    return None


def _reencoded(encoding: str, path: str) -> str:
    return f"iconv -f {encoding} -t UTF-8 {path} >{path}.new && mv {path}.new {path}"


def without_marks(text: str) -> str:
    """The text without byte order marks outside of quotes, which the CLI drops as well."""
    return outside_quotes(text, lambda part: part.replace("\ufeff", "")) if "\ufeff" in text else text


def shown(name: str) -> str:
    """A name for people, with what can't be seen in it as an escape."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def quoted(path: str) -> str:
    """A path for a shell, also with what can't be seen in it."""
    if path.isprintable():
        return shlex.quote(path)
    raw = path.encode("utf-8", "surrogateescape")
    return (
        "$'"
        + "".join(chr(b) if 32 <= b < 127 and chr(b) not in "'\\" else f"\\x{b:02x}" for b in raw)
        + "'"
    )
