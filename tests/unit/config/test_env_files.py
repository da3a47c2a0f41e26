"""`pipeline.toml` and `.env` files, real ones, and bash as the judge of how a line reads."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import string
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scripts.config.env_files import (
    LARGEST,
    from_process,
    parse_values,
    read_text,
    read_toml,
    readable_by_others,
    why_not_ours,
)
from scripts.errors import ConfigError

ENV = Path(__file__).resolve().parents[3] / "env"
SEED_VARIABLES = (
    "VITE_SUPABASE_URL VITE_SUPABASE_ANON_KEY SUPABASE_SERVICE_ROLE_KEY OPENAI_API_KEY "
    "WHATSAPP_VERIFY_TOKEN VITE_ENVIRONMENT VITE_SITE_URL"
).split()
BASH = shutil.which("bash") or "/bin/bash"
SECRETS = ("SERVICE_ROLE", "OPENAI", "WHATSAPP", "PASSWORD", "TOKEN", "DATABASE")


def read_values(file: Path) -> dict[str, str]:
    """The values of a file, as a task reads them."""
    return parse_values(read_text(file) or "", file)


def written(folder: Path, content: str | bytes) -> Path:
    """A `.env` file."""
    file = folder / ".env.test"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


# ---------------------------------------------------------------------------------------- dotenv

GOOD = [
    ("A=b", "b"),
    ("A=", ""),
    ('A=""', ""),
    ("A=''", ""),
    ('A="b c"', "b c"),
    ("A='b \"c\"'", 'b "c"'),
    ('A="it\'s"', "it's"),
    ("export A=b", "b"),
    ("A=b # note", "b"),
    ('A="b # c" # note', "b # c"),
    ('A="b#c"', "b#c"),
    ("A=https://a.b/c?d=e^f,g%20@h+i", "https://a.b/c?d=e^f,g%20@h+i"),
    ("A==b", "=b"),
    ("A=b   ", "b"),
    ('A="  b  "', "  b  "),
    ('A="é ✓"', "é ✓"),
    ("A='!x & y | z > w ; (v) * {u}'", "!x & y | z > w ; (v) * {u}"),
]


@pytest.mark.parametrize(("line", "value"), GOOD)
def test_good_lines(tmp_path: Path, line: str, value: str) -> None:
    """What all parsers read alike is read so."""
    assert read_values(written(tmp_path, f"# head\n\n{line}\n")) == {"A": value}


BAD = [
    "A",
    "A b",
    "A = b",
    "A= b",
    " A=b",
    "1A=b",
    "A-B=c",
    "A=b c",
    "A=$HOME",
    'A="$HOME"',
    "A='$HOME'",
    "A=`id`",
    'A="`id`"',
    "A=$(id)",
    'A="b\\n"',
    "A=b\\",
    'A="b',
    "A='b",
    'A="b"c',
    'A="b" c',
    "A=b#c",
    "A=b;c",
    "A=b&c",
    "A=~",
    "A=b\tc",
    'A="b\tc"',
    "A: b",
    "A=b # it's",
    "\ufeffA=b",
    "A=b\u00a0",
    "A=b|c",
    "A=(b)",
    "A=!b",
    "A=*",
    "A=[b]",
    "A={b}",
    "A=é",
    "A= # note",
]


@pytest.mark.parametrize("line", BAD, ids=repr)
def test_bad_lines_are_refused_by_number(tmp_path: Path, line: str) -> None:
    """A line on which parsers disagree is refused; its number is said and never its value."""
    file = written(tmp_path, f"GOOD=1\n{line}\n")

    with pytest.raises(ConfigError) as caught:
        read_values(file)

    said = caught.value.message.removeprefix(f"`{file}`, line 2: ")
    assert said != caught.value.message
    assert "GOOD" not in said


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("A=caf\u00e9", "an accent, or a letter that is no ASCII, without quotes"),
        ("A=pa$word", "`$` in a value is read in different ways"),
        ('A="a\\b"', "`\\` in a value is read in different ways"),
        ('A="b\tc"', "a tab in a value is read in different ways"),
        ("A: b", "there is no `=`"),
        ("A = b", "a blank before the name or beside `=`"),
        ('A="b', "a quote has no other half, or stands within the value"),
        ("A=b c", "a blank or a special character without quotes"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    """So that nobody has to guess which of the rules it breaks."""
    with pytest.raises(ConfigError, match=r"line 1: ") as caught:
        read_values(written(tmp_path, f"{line}\n"))

    assert caught.value.message.endswith(f": {why}")


@pytest.mark.parametrize(
    ("raw", "why", "fixed"),
    [
        (b"\xef\xbb\xbfA=b\n", "begins with a byte order mark (BOM)", b"A=b\n"),
        (b"A=b\r\nC=d\r\n", "(2 lines end with CR LF)", b"A=b\nC=d\n"),
        ("A=b\n".encode("utf-16"), "is in UTF-16, not in UTF-8", b"A=b\n"),
        ("A=b\nC=d\n".encode("utf-16-le"), "is in UTF-16, not in UTF-8", b"A=b\nC=d\n"),
    ],
)
def test_what_an_editor_of_windows_writes_is_named_with_the_command_that_mends_it(
    tmp_path: Path, raw: bytes, why: str, fixed: bytes
) -> None:
    """Pasted, it leaves a file that is read, with the mode that it had."""
    file = written(tmp_path, raw)
    file.chmod(0o600)

    with pytest.raises(ConfigError) as caught:
        read_values(file)

    assert why in caught.value.message
    command = (caught.value.hint or "").strip("`")
    subprocess.run(["sh", "-c", command], check=True, timeout=20)
    assert file.read_bytes() == fixed
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_values(file)["A"] == "b"


def test_no_file_is_no_values(tmp_path: Path) -> None:
    """In CI there may be no file at all."""
    assert read_values(tmp_path / ".env.none") == {}


def test_the_last_of_two_wins(tmp_path: Path) -> None:
    """As in every parser."""
    assert read_values(written(tmp_path, "A=1\nA=2\n")) == {"A": "2"}


def test_bytes_that_are_no_utf8_are_refused_unseen(tmp_path: Path) -> None:
    """The bytes may be those of a secret."""
    with pytest.raises(ConfigError) as caught:
        read_values(written(tmp_path, b"A=hidden\xff\n"))

    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_is_too_large_is_said_to_be(tmp_path: Path) -> None:
    """The message is about the size, not about a line without a number."""
    with pytest.raises(ConfigError) as caught:
        read_values(written(tmp_path, "A=b\n" * (LARGEST // 4 + 1)))

    assert "line :" not in caught.value.message


def test_nothing_reaches_our_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are given back and nowhere else."""
    monkeypatch.setenv("KEPT", "ours")

    read_values(written(tmp_path, "KEPT=theirs\nNEW_ONE=1\n"))

    assert from_process("new") == {}
    assert (
        subprocess.run(["printenv", "KEPT"], capture_output=True, text=True, check=True).stdout.strip()
        == "ours"
    )


def as_bash_reads(file: Path, names: list[str]) -> dict[str, str]:
    """The values that `source` gives these names."""
    show = " ".join(f'"${{{name}-}}"' for name in names)
    script = f"source {shlex.quote(str(file))}; printf '%s\\0' {show}"
    ended = subprocess.run(
        [BASH, "--noprofile", "--norc", "-c", script],
        env={"LC_ALL": "C.UTF-8", "PATH": "/nonexistent"},
        capture_output=True,
        check=True,
    )
    return dict(zip(names, ended.stdout.decode().split("\0"), strict=False))


NAMES = [f"DESK_{letter}" for letter in "ABC"]
BARE = st.text(st.sampled_from(string.ascii_letters + string.digits + "_./:@%+,=^?-"), max_size=6)
MOSTLY = st.characters(exclude_categories=["Cs"])
QUOTED = st.one_of(
    st.text(MOSTLY, max_size=6).map(lambda text: f'"{text}"'),
    st.text(MOSTLY, max_size=6).map(lambda text: f"'{text}'"),
)
TAIL = st.sampled_from(
    ["", "", " ", "  ", " # note", " # $x `y`", "\r", "\u00a0", "\x0b", "\u2003", "\t", "#x"]
)
LINES = st.one_of(
    st.tuples(st.sampled_from(["", "export "]), st.sampled_from(NAMES), st.one_of(BARE, QUOTED), TAIL).map(
        lambda parts: f"{parts[0]}{parts[1]}={parts[2]}{parts[3]}"
    ),
    st.sampled_from(["", "# note", "   # 'note", "#"]),
)


@given(st.lists(LINES, min_size=1, max_size=4), st.sampled_from(["\n", "\n\n"]))
def test_accepted_lines_read_as_in_bash(lines: list[str], between: str) -> None:
    """What the strict grammar lets through has the value that bash gives it; the rest is refused."""
    text = between.join(lines) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder), text)
        try:
            values = read_values(file)
        except ConfigError:
            return

        assert {name: values.get(name, "") for name in NAMES} == as_bash_reads(file, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "A=b\r\nB=c\r\n",
        "A=b\rB=c\n",
        "A=b\x0bB=c\n",
        "A=b\u00a0\n",
        "A=b\u2028B=c\n",
        'A="b\x00c"\n',
        "A=b\x85\n",
        "A=b\x1c\n",
    ],
    ids=repr,
)
def test_odd_white_space_and_control_characters_are_refused(tmp_path: Path, text: str) -> None:
    """Line ends of Windows, unbreakable blanks and control characters, which bash keeps in the value."""
    with pytest.raises(ConfigError):
        read_values(written(tmp_path, text))


@given(st.text(min_size=6), st.text(max_size=5))
def test_a_message_never_holds_a_value(value: str, junk: str) -> None:
    """Whatever is wrong with a line, its value is not told."""
    assume(not re.fullmatch(r"[\s0-9A-Za-z.,:`_/-]*", value))
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder), f"{junk}SECRET={value}\n".encode("utf-8", "surrogatepass"))
        try:
            read_values(file)
        except ConfigError as fault:
            said = f"{fault.message} {fault.hint} {fault.__cause__} {fault.__suppress_context__}"

            assert value not in said


# ------------------------------------------------------------------------------ the process, the mode


def test_the_process_speaks_with_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """`STAGING_X` is `X` of staging, and of no other environment."""
    monkeypatch.setenv("STAGING_DATABASE_URL", "x")
    monkeypatch.setenv("STAGING_EU_TOKEN", "y")
    monkeypatch.setenv("PRODUCTION_DATABASE_URL", "z")

    assert from_process("staging") == {"DATABASE_URL": "x", "EU_TOKEN": "y"}
    assert from_process("staging-eu") == {"TOKEN": "y"}


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI job gets an empty text for a secret that nobody has set."""
    monkeypatch.setenv("STAGING_DATABASE_URL", "")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "")

    assert from_process("staging", ["SLACK_WEBHOOK_URL"]) == {}


@pytest.mark.parametrize(
    ("mode", "open_"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o644, True)]
)
def test_files_that_others_may_read_are_noticed(tmp_path: Path, mode: int, open_: bool) -> None:
    """Only the owner should read secrets."""
    file = written(tmp_path, "")
    file.chmod(mode)

    assert open_ == readable_by_others(file)


@pytest.mark.parametrize(
    ("mode", "told"), [(0o666, True), (0o777, True), (0o602, True), (0o664, False), (0o600, False)]
)
def test_a_file_that_everybody_can_write_to_is_told(tmp_path: Path, mode: int, told: bool) -> None:
    """It decides which programs run."""
    file = written(tmp_path, "A=b\n")
    file.chmod(mode)

    doubt = why_not_ours(file)

    assert doubt == (
        (f"everybody on this machine can write to `{file}`", f"`chmod o-w {file}`") if told else None
    )


def test_a_file_of_another_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name that the machine has for him; root may have files."""
    file = written(tmp_path, "A=b\n")
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    doubt = why_not_ours(file)

    if owner:
        assert doubt
        assert "belongs to another user of this machine" in doubt[0]
    else:
        assert doubt is None
        os.chown(file, 64_001, -1)
        foreign = why_not_ours(file)
        assert foreign
        assert "belongs to another user of this machine, `64001`" in foreign[0]
    assert why_not_ours(tmp_path / "none") is None


def test_no_file_is_read_by_nobody(tmp_path: Path) -> None:
    """A file that is not there is no leak."""
    assert not readable_by_others(tmp_path / "none")


# ---------------------------------------------------------------------------------------- what is shipped


@pytest.mark.parametrize("name", ["development", "staging", "production"])
def test_the_shipped_examples_hold_the_seeds_variables(name: str) -> None:
    """Each example passes the grammar, holds the team's variables, and no secret for browsers."""
    values = read_values(ENV / f".env.{name}.example")

    assert set(SEED_VARIABLES) <= set(values)
    assert name == values["VITE_ENVIRONMENT"]
    assert values["VITE_SUPABASE_URL"] == f"https://{name}-instance.supabase.co"
    assert [
        each for each in values if each.startswith("VITE_") and any(mark in each for mark in SECRETS)
    ] == []


def test_the_builds_variables_are_in_every_example() -> None:
    """What `pipeline.toml` gives to the build is in the examples, and is public by its name."""
    given_to_build = read_toml(ENV / "pipeline.toml")["app"]["build_variables"]

    for file in ENV.glob(".env.*.example"):
        assert set(given_to_build) <= set(read_values(file))

    assert [
        each for each in given_to_build if not each.startswith("VITE_") or any(m in each for m in SECRETS)
    ] == []
