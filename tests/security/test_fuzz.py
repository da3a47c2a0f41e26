"""Random configurations, `.env` files and command lines: an ending, never a traceback, never a value.

`DESK_FUZZ=1000 invoke test -k fuzz` looks further than the bounded default. The tasks run in this process,
as `invoke` would run them; the app is a small local repository, and nothing here speaks to any other
machine.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from invoke.program import Program

import tasks
from scripts import app
from scripts.system import secret, signals
from tests.support.desks import PIPELINE, configured
from tests.support.repositories import Repository, seeded

EXAMPLES = int(os.environ.get("DESK_FUZZ") or "60")
CANARY = "cnry"
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 130}
NAMES = "DATABASE_URL DATABASE_PASSWORD REPLIT_MCP_TOKEN SLACK_WEBHOOK_URL VITE_X NODE_OPTIONS A".split()

# no address of another machine can come of these letters
words = st.text("ab-_./ \"'\\$`{}[]=#\t\r\n\0\x1bé€\u202e;:|&%", max_size=12)
values = st.builds(lambda a, b: a + CANARY + "0f9e8d7c" + b, words, words)
env_lines = st.one_of(
    st.builds("{}={}".format, st.sampled_from(NAMES), values),
    st.builds('{}="{}"'.format, st.sampled_from(NAMES), values),
    st.builds("{}=postgresql://u:{}@127.0.0.1:1/x".format, st.sampled_from(NAMES), values),
    st.builds("export {} = {}".format, st.sampled_from(NAMES), values),
    values,
    words,
)
env_files = st.builds(
    lambda lines, end: end.join(lines), st.lists(env_lines, max_size=6), st.sampled_from("\n\r")
)

plain = st.one_of(
    st.booleans(),
    st.integers(-5, 10**20),
    st.floats(),
    words,
    st.lists(words, max_size=3),
    st.just({"a": 1}),
)
LINES = [line for line in PIPELINE.strip().splitlines() if "repository" not in line]
KEYS = sorted(
    {line.partition(" =")[0] for line in LINES if "=" in line} | {"lock", "ttl", "remote", "wait", "x"}
)


def toml(value: object) -> str:
    """A value as TOML, or as something that only looks like it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value).lower().replace("'", '"')


places = st.integers(0, len(LINES) - 1)
settings_of = st.builds(lambda key, value: f"{key} = {toml(value)}", st.sampled_from(KEYS), plain)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("drop"), places, st.just("")),
        st.tuples(st.just("set"), places, settings_of),
        st.tuples(st.just("add"), places, st.builds("PASSWORD = {}".format, values.map(toml))),
        st.tuples(st.just("add"), places, words),
    ),
    max_size=3,
)

FLAGS = [
    "--json",
    "--env",
    "--to",
    "--sha",
    "--reason",
    "--until",
    "--retry",
    "--yes",
    "--wait=",
    "--x",
    "--allow-bad",
]
CALLS = (
    "status|history|lock.show|deploy --plan|promote --plan|rollback --plan|backmerge --plan|hotfix --plan|"
    "freeze|unfreeze|release-hold|resume|init --plan --app"
).split("|")
WORDS = [
    "staging",
    "production",
    "prod",
    "v1",
    "develop",
    "main",
    "",
    "-",
    "--",
    "2030-01-01",
    "HEAD",
    "a;id",
]
lines = st.builds(
    lambda call, rest: [*shlex.split(call), *rest],
    st.sampled_from(CALLS),
    st.lists(st.one_of(st.sampled_from(FLAGS), st.sampled_from(WORDS), words), max_size=4),
)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The app's clone."""
    person = seeded(tmp_path_factory.mktemp("app"))[1]
    for branch in ("staging", "main"):
        person.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
    return person


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A task ends by an exception here, and touches neither signals nor the collector of the test run."""

    def leave(code: int) -> NoReturn:
        raise SystemExit(code)

    monkeypatch.setattr(app, "_leave", leave)
    monkeypatch.setattr(signals, "listen", lambda *_: None)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    yield
    gc.enable()


def called(arguments: list[str], folder: Path) -> tuple[int, str]:
    """The code of `invoke ARGUMENTS`, and all that it wrote."""
    secret._memory = secret._Memory()
    before = os.environ.get("AIRHOST_ENV_DIR")
    os.environ["AIRHOST_ENV_DIR"] = str(folder)
    written = io.StringIO()
    try:
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
            Program(namespace=tasks.namespace).run(["invoke", *arguments])
    except SystemExit as end:
        return int(end.code or 0), written.getvalue()
    finally:
        os.environ.pop("AIRHOST_ENV_DIR") if before is None else os.environ.update(AIRHOST_ENV_DIR=before)
    return 0, written.getvalue()


def judge(code: int, text: str) -> None:
    """A documented code, nothing of ours that broke, nothing that only a `.env` file knows."""
    event(f"code {code}")
    assert code in CODES, text
    assert "Traceback" not in text
    assert CANARY not in text, text
    assert "\x1b" not in text


@settings(max_examples=EXAMPLES)
@given(changes, env_files)
def test_fuzzed_configurations(
    tmp_path_factory: pytest.TempPathFactory,
    person: Repository,
    wrong: list[tuple[str, int, str]],
    text: str,
) -> None:
    """A `pipeline.toml` that is nearly right, or not at all, with any `.env` file beside it."""
    kept = list(LINES)
    for how, place, line in wrong:
        kept[place : place + (how != "add")] = [line] if how != "drop" else []
    folder = tmp_path_factory.mktemp("env")
    configured(folder, person.folder, "\n".join(kept).replace("[app]", "[app]\nrepository = {repository}"))
    (folder / ".env.staging").write_bytes(text.encode())

    judge(*called(["deploy", "--env", "staging", "--plan", "--json"], folder))


@settings(max_examples=EXAMPLES)
@given(env_files, st.booleans())
def test_fuzzed_env_files(
    tmp_path_factory: pytest.TempPathFactory, person: Repository, text: str, as_json: bool
) -> None:
    """Whatever a `.env` file holds, and also where the database's address comes from it."""
    folder = tmp_path_factory.mktemp("env")
    configured(folder, person.folder, PIPELINE.replace('migrations = ""', ""))
    (folder / ".env.staging").write_bytes(text.encode())

    judge(*called(["status", *(["--json"] if as_json else [])], folder))


@settings(max_examples=EXAMPLES)
@given(lines)
def test_fuzzed_command_lines(
    tmp_path_factory: pytest.TempPathFactory, person: Repository, arguments: list[str]
) -> None:
    """Whatever is typed behind a task: an ending of ours, or Invoke's own word on how it is used."""
    folder = tmp_path_factory.mktemp("env")
    configured(folder, person.folder)
    (folder / ".env.staging").write_text(f"DATABASE_PASSWORD={CANARY}-0f9e8d7c\n")

    code, text = called(arguments, folder)

    judge(code, text.replace("\x1b", "") if "No idea what" in text or "Error" in text else text)
