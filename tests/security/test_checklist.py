"""The security checklist, item by item; each test fails when its protection is taken out.

1 no secret on an argument list           8 GitHub's runner masks before anything is said
2 never npx                               9 text of others starts no command, drives no terminal
3 children inherit an allow-list         10 files are their owner's alone
4 `.env` files are data, not code        11 no token in a remote's address
5 a failure shows no secret              12 no text becomes an option or a shell's code
6 a secret is a type that prints ***     13 no file of the repository says yes
7 output is redacted wherever it is cut
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tasks
from scripts.config import env_files
from scripts.config.outcome import Outcome
from scripts.console import Console
from scripts.database.postgres.url import parse_database
from scripts.database.supabase import Cli
from scripts.errors import CommandFailed, CommandTimedOut, ConfigError, DeskError, Refused
from scripts.git import command
from scripts.git.client import Git
from scripts.notify.outbox import Outbox
from scripts.release.request import DeployRequest
from scripts.replit.workspace import Build, script, ssh
from scripts.state.journal import Journal
from scripts.system.command import Command
from scripts.system.process import attempt, run, stream_lines
from scripts.system.secret import MASK, Secret, remember
from scripts.table import Column, Table
from tests.support.desks import PIPELINE, ROOT, configured, invoke
from tests.support.repositories import seeded

VALUE = "cnry-9f8e7d6c5b4a"
CODE = sorted(file for file in (ROOT / "scripts").rglob("*.py") if "sample_app" not in file.parts)


def python(code: str, **more: Any) -> Command:
    """A child that runs some Python."""
    return Command((sys.executable, "-c", code), **more)


def order(**more: Any) -> Build:
    """What a workspace is asked to become."""
    known: dict[str, Any] = {
        "workspace": "/w",
        "commit": "a" * 40,
        "candidate": "refs/deploy/candidate/x/1",
        "install": ("npm", "ci"),
        "build": ("npm", "run", "build"),
        "lockfile": "package-lock.json",
        "output": "dist",
        "stamp": {},
    }
    return Build(**{**known, **more})


def test_01_no_secret_is_on_an_argument_list(tmp_path: Path) -> None:
    """Every user of a machine can read every process's arguments: passwords go by environment or stdin."""
    url = f"postgresql://postgres:{VALUE}@127.0.0.1:5432/postgres"
    database = parse_database(url, None, where="x", folder=tmp_path)
    (tmp_path / "home").mkdir()
    cli = Cli(Path("/bin/supabase"), tmp_path)
    calls = [cli.db_push(database, 9, 9), cli.migration_list(database), cli.db_diff(database, database, 9)]
    calls.append(ssh("host", None, script(order(variables={"TOKEN": VALUE})), 9))
    options = {
        name for task in tasks.namespace.task_names for name in tasks.namespace[task].get_arguments()
    }

    assert [] == [call for call in calls if VALUE in " ".join(call.argv)]
    assert VALUE in calls[0].env["PGPASSWORD"]
    assert VALUE in (calls[-1].stdin or b"").decode()
    assert not {each.name for each in options if re.search(r"password|token|secret|key$", each.name or "")}


def test_02_npx_is_never_called() -> None:
    """It writes its arguments to a log that all may read, and may fetch another version.

    `init` may propose it as a command of the app, which has no secret among its arguments.
    """
    called = re.compile(r"""["'](npx|exec|dlx|bunx)["']\s*,|npm exec|["']npx """)

    proposing = ("scripts/setup/packages.py", "scripts/setup/deployment.py")
    calling = [file for file in CODE if file.relative_to(ROOT).as_posix() not in proposing]
    assert [] == [str(file) for file in calling if called.search(file.read_text())]


def test_03_children_inherit_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would run code in a child, or tell it our secrets, stays with us."""
    for name in (
        "NODE_OPTIONS",
        "BASH_ENV",
        "PYTHONSTARTUP",
        "LD_PRELOAD_X",
        "DATABASE_PASSWORD",
        "GH_TOKEN",
    ):
        monkeypatch.setenv(name, VALUE)

    seen = run(python("import os, json; print(json.dumps(dict(os.environ)))")).text

    assert "PATH" in json.loads(seen)
    assert VALUE not in seen


def test_04_env_files_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in them is expanded, executed or taken into our environment; a refusal shows no value."""
    file = tmp_path / ".env.x"
    monkeypatch.setenv("INSIDE", VALUE)
    read = {}
    for line in (
        "A=$INSIDE",
        "A=${INSIDE}",
        'A="$(id)"',
        "A=`id`",
        f"A={VALUE} x",
        f"A='{VALUE}",
        f'A="{VALUE}\\n"',
    ):
        file.write_text(f"{line}\n")
        with pytest.raises(ConfigError) as caught:
            read[line] = env_files.parse_values(file.read_text(), file)
        assert VALUE not in str(caught.value)
    file.write_text(f"NODE_OPTIONS={VALUE}\n")

    assert {"NODE_OPTIONS": VALUE} == env_files.parse_values(file.read_text(), file)
    assert "NODE_OPTIONS" not in os.environ


def test_05_a_failure_shows_no_secret() -> None:
    """Neither the environment, stdin, arguments nor the words of the program."""
    remember(VALUE)
    code = "import os, sys; sys.stderr.write('no: ' + os.environ['T'] + sys.stdin.read()); sys.exit(3)"
    failed = python(code, env={"T": VALUE}, stdin=VALUE.encode())
    hangs = python(f"import time; time.sleep(60) # {VALUE}", env={"T": VALUE}, timeout=0.3)
    for call, ending in ((failed, CommandFailed), (hangs, CommandTimedOut)):
        with pytest.raises(ending) as caught:
            run(call)
        assert VALUE not in str(caught.value) + repr(caught.value.__dict__)
        assert VALUE not in repr(call).replace(f"# {VALUE}", "")


def test_06_a_secret_prints_its_mask() -> None:
    """In text, in a container, in JSON; and it is no text that could be joined."""
    secret = Secret(VALUE)

    shown = f"{secret} {secret!r} {[secret]} {json.dumps([secret], default=str)}"
    assert [MASK] * 4 == re.findall(r"\*\*\*", shown)
    assert VALUE not in shown
    with pytest.raises(TypeError):
        "".join(("a", secret, "b"))  # type: ignore[arg-type]  # noqa: FLY002 - what is tested
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_07_output_is_redacted_wherever_it_is_cut() -> None:
    """Exact, and as base64 in the middle of something: in two writes of a child that is followed."""
    remember(VALUE)
    half = len(VALUE) // 2
    code = (
        "import sys, time, base64\n"
        "def say(t):\n    sys.stdout.write(t); sys.stdout.flush(); time.sleep(0.1)\n"
        f"say({VALUE[:half]!r}); say({VALUE[half:]!r} + '\\n')\n"
        f"coded = base64.b64encode(b'u:' + {VALUE.encode()!r}).decode()\n"
        "say(coded[:9]); say(coded[9:] + '\\n')\n"
    )
    seen: list[str] = []

    assert 0 == stream_lines(python(code), seen.append)
    text = "\n".join(seen)
    assert text.startswith(f"{MASK}\n")
    assert VALUE[half:] not in text
    assert 2 == text.count(MASK)


def test_08_the_runner_masks_before_anything_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each value and each of its lines, escaped as the runner reads it; in Actions alone."""
    stream = io.StringIO()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    remember(f"{VALUE}%\nsecond-line")
    Console(stream=stream).say("working")
    lines = stream.getvalue().splitlines()

    assert "working" == lines[-1]
    assert {
        f"::add-mask::{VALUE}%25%0Asecond-line",
        f"::add-mask::{VALUE}%25",
        "::add-mask::second-line",
    } == set(lines[:-1])
    monkeypatch.delenv("GITHUB_ACTIONS")
    remember("another-value")
    Console().say("working")
    assert "working\n" == capsys.readouterr().err


HOSTILE = (
    "x\n::add-mask::e\n  ::stop-commands::t\na ##[error]b \x1b]0;t\x07\x1b[2J\r\u202e\x9b31m ##vso[task]c"
)


def test_09_text_of_others_starts_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """In words to people, in tables, and in what programs print; in JSON it is a string."""
    stream = io.StringIO()
    Console(stream=stream).finish(DeployRequest(), Outcome.failed(HOSTILE, HOSTILE))
    Console(stream=stream, out=stream).say("\n".join(Table([Column("head")], [(HOSTILE,)]).lines(80)))
    seen: list[str] = []
    stream_lines(python(f"print({HOSTILE!r})"), seen.append)
    Console(as_json=True, stream=stream).finish(DeployRequest(), Outcome.failed(HOSTILE))
    document = capsys.readouterr().out

    for text in (stream.getvalue(), "\n".join(seen), document):
        assert not re.findall(r"(?m)^\s*::", text)
        assert not set("\x1b\x07\r\x9b\u202e") & set(text)
    for text in (stream.getvalue(), "\n".join(seen)):
        assert not re.findall(r"##\w*\[", text)


def test_10_files_are_their_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask is: journal, undelivered notices; a `.env` that others may read is said."""
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "runs", "r1")
        journal.write(event="x")
        Outbox(tmp_path / "outbox", tmp_path).put("n1", "staging", "slack", {"text": "x"})
    finally:
        os.umask(before)
    made = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != ".lock"]
    assert len(made) >= 2
    assert [] == [str(file) for file in made if stat.S_IMODE(file.stat().st_mode) & 0o077]

    values = tmp_path / ".env.staging"
    values.write_text("A=b\n")
    values.chmod(0o640)
    assert env_files.readable_by_others(values)


def test_10_a_task_leaves_nothing_that_others_can_write(tmp_path: Path) -> None:
    """Under umask 000, as some containers have it; and who can write to the configuration is said."""
    person = seeded(tmp_path)[1]
    folder = configured(tmp_path / "env", person.folder)
    (folder / "pipeline.toml").chmod(0o666)
    known = set(tmp_path.rglob("*"))
    before = os.umask(0)
    try:
        ended = invoke(
            "freeze", "--env", "staging", "--until", "2099-01-01T00:00", "--reason", "x", env_dir=folder
        )
    finally:
        os.umask(before)

    made = [path for path in tmp_path.rglob("*") if path not in known and not path.is_symlink()]
    assert made, ended.err
    assert [] == [str(path) for path in made if stat.S_IMODE(path.stat().st_mode) & 0o022]
    assert f"everybody on this machine can write to `{folder / 'pipeline.toml'}`: `chmod o-w" in ended.err


@pytest.mark.parametrize("role", [(), ("--push",)])
def test_11_no_token_in_a_remotes_address(tmp_path: Path, role: tuple[str, ...]) -> None:
    """It would be on the argument list of git's helper, in `.git/config` and in `git remote -v`."""
    person = seeded(tmp_path)[1]
    person.git("remote", "set-url", *role, "origin", f"https://me:{VALUE}@git.example.org/x.git")
    folder = configured(tmp_path / "env", person.folder)

    ended = invoke("status", "--json", env_dir=folder)

    assert (1, "failed") == (ended.code, ended.document["ending"])
    assert "has a password or token in its URL" in ended.document["message"]
    assert VALUE not in ended.out + ended.err
    assert "transfer.credentialsInUrl=die" in command.git_command(tmp_path, (), 1).argv
    assert command.url_secret("https://ghp_0123456789abcdef0123@github.com/o/r")
    assert not command.url_secret("ssh://git@github.com/o/r")


OPTIONS = [
    "--upload-pack=id",
    "--output=pwned",
    "-uid",
    "--upload-pa=id",
    "a b",
    "a;id",
    "$(id)",
    "a..b",
    ":/x",
    "a\nb",
]


@pytest.mark.parametrize("text", OPTIONS)
def test_12_no_text_becomes_an_option_or_code(text: str, tmp_path: Path) -> None:
    """Revisions pass an allow-list, whatever branches there are; the remote shell gets quotes."""
    origin, person = seeded(tmp_path)
    git = Git(person.folder, "origin")
    with pytest.raises(Refused):
        git.resolve(text, {f"refs/heads/{text}": origin.refs()["refs/heads/develop"]})
    sent = script(order(workspace=text, output=text, variables={"V": text}, build=("echo", text)))
    probe = "\n".join(line for line in sent.splitlines() if re.match(r"(WORKSPACE|OUTPUT|BUILD)=", line))
    shown = subprocess.run(
        ["bash", "-c", f'{sent.partition("build_environment() {")[0]}\nprintf "%s" "$WORKSPACE"'],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert probe
    assert text == shown.stdout
    assert f"export V={shlex.quote(text)}" in sent
    assert not (person.folder / "pwned").exists()


def test_12_git_speaks_three_protocols_and_no_shell_is_started(tmp_path: Path) -> None:
    """`ext::` stays off even where the configuration allows it; a name is looked at, never run."""
    person = seeded(tmp_path)[1]
    person.git("config", "protocol.ext.allow", "always")
    person.git("remote", "set-url", "origin", f"ext::touch {tmp_path / 'pwned'}")

    with pytest.raises(DeskError):
        Git(person.folder, "origin").ls_remote()
    assert not (tmp_path / "pwned").exists()
    with pytest.raises(CommandFailed):
        attempt(Command((f"touch {tmp_path / 'pwned'}",)))
    assert not (tmp_path / "pwned").exists()


def test_13_no_file_of_the_repository_says_yes(tmp_path: Path) -> None:
    """Consent is typed or is a flag: no key, no variable, no Invoke file gives it."""
    person = seeded(tmp_path)[1]
    guarded = PIPELINE.replace('branch = "staging"', 'branch = "develop"\nguarded = true')
    folder = configured(tmp_path / "env", person.folder, guarded)
    (folder / ".env.staging").write_text("YES=true\nCONFIRM=staging\n")
    (folder / ".env.staging").chmod(0o600)
    more = {
        "YES": "true",
        "CI": "true",
        "SUPABASE_YES": "1",
        "INVOKE_RUN_ECHO": "1",
        "INVOKE_TASKS_YES": "1",
    }

    ended = invoke("deploy", "--env", "staging", "--json", env_dir=folder, **more)
    keyed = configured(
        tmp_path / "keyed", person.folder, guarded.replace("guarded = true", "guarded = true\nyes = true")
    )
    refused = invoke("deploy", "--env", "staging", "--json", env_dir=keyed)

    assert (6, "declined") == (ended.code, ended.document["ending"]), ended.document["message"]
    assert (1, "failed") == (refused.code, refused.document["ending"])
    assert Console(as_json=True).confirm("staging") is False
