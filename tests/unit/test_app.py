"""The wiring: which values reach which environment, who acts, and what signals do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from scripts import app
from scripts.config.variables import PLAIN_NAMES
from scripts.console import Console
from scripts.errors import ConfigError, Refused
from scripts.system import daemon, temporary
from scripts.system.secret import MASK, redact
from tests.support.desks import ROOT, configured, environment
from tests.support.processes import wait_until
from tests.support.repositories import Repository, seeded


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """The app's clone."""
    return seeded(tmp_path)[1]


@pytest.fixture
def env_dir(tmp_path: Path, person: Repository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration for it, which `AIRHOST_ENV_DIR` names."""
    folder = configured(tmp_path / "env", person.folder)
    monkeypatch.setenv("AIRHOST_ENV_DIR", str(folder))
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", *PLAIN_NAMES):
        monkeypatch.delenv(name, raising=False)
    return folder


def values(env_dir: Path, name: str, text: str) -> Path:
    """The `.env` file of an environment."""
    file = env_dir / f".env.{name}"
    file.write_text(text)
    file.chmod(0o600)
    return file


def seen(name: str, *, target: str | None = None) -> dict[str, str]:
    """The values that an environment has in a run about `target`."""
    tools = app.opened(Console(), target)
    return dict(tools.values(tools.settings.environment(name)))


def test_any_task_sweeps_what_killed_runs_left(
    env_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's temporary folder, and beside the backups; it is named."""
    temp = tmp_path / "temp"
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    backups = env_dir.parent / ".airhost" / "backups" / "staging"
    left = (temp / f"{temporary.PREFIX}left", backups / ".partial-left")
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "rows").write_text("a customer")
        with subprocess.Popen(["true"]) as owner:
            daemon.record(folder / "owner", owner.pid)
    console = Console()
    lines: list[str] = []
    monkeypatch.setattr(console, "note", lines.append)

    app._remove_left(console, temporary.abandoned())
    app.sweep(app.opened(console))

    assert wait_until(lambda: not any(folder.exists() for folder in left))
    assert [str(folder) in line for folder, line in zip(left, lines, strict=True)] == [True, True]


def test_the_file_gives_the_values(env_dir: Path) -> None:
    """Each environment has its own file."""
    values(env_dir, "staging", "DATABASE_URL=a\n")
    values(env_dir, "production", "DATABASE_URL=b\n")

    assert (seen("staging"), seen("prod")) == ({"DATABASE_URL": "a"}, {"DATABASE_URL": "b"})


def test_the_process_wins_over_the_file(env_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI's variables, with the environment's name before them, are the last word."""
    values(env_dir, "staging", "DATABASE_URL=file\nOTHER=file\n")
    monkeypatch.setenv("STAGING_DATABASE_URL", "process")
    monkeypatch.setenv("STAGING_NEW", "process")

    assert seen("staging") == {"DATABASE_URL": "process", "OTHER": "file", "NEW": "process"}


def test_plain_names_count_for_the_target_alone(env_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that releases to production never reads staging's database by production's address."""
    values(env_dir, "staging", "DATABASE_URL=staging\n")
    values(env_dir, "production", "DATABASE_URL=production\nVITE_X=file\n")
    monkeypatch.setenv("DATABASE_URL", "job")
    monkeypatch.setenv("VITE_X", "job")
    monkeypatch.setenv("UNRELATED_TOKEN", "job")

    assert seen("production", target="prod") == {"DATABASE_URL": "job", "VITE_X": "job"}
    assert seen("staging", target="prod") == {"DATABASE_URL": "staging"}
    assert seen("production") == {"DATABASE_URL": "production", "VITE_X": "file"}


def test_a_prefixed_name_wins_over_a_plain_one(env_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more exact name is the stronger one."""
    monkeypatch.setenv("DATABASE_URL", "plain")
    monkeypatch.setenv("PRODUCTION_DATABASE_URL", "exact")

    assert seen("production", target="production")["DATABASE_URL"] == "exact"


def test_secrets_are_known_from_then_on(env_dir: Path) -> None:
    """What is secret by its name is masked everywhere; the anon key, which every browser has, is not."""
    values(
        env_dir,
        "staging",
        "DATABASE_PASSWORD=pw-of-staging\nOPENAI_API_KEY=key-of-openai\nVITE_ANON_KEY=key-for-all\n",
    )

    seen("staging")

    assert redact("pw-of-staging key-of-openai key-for-all") == f"{MASK} {MASK} key-for-all"


def test_every_value_is_masked_that_is_not_public_by_rule(env_dir: Path) -> None:
    """Whatever the name says, and whoever says it: file or CI; names of environments stay readable."""
    values(
        env_dir,
        "staging",
        "SMTP_PASS=pw-of-smtp\nLOAD_ACCOUNTS=a@example.org:pw-of-load\nMAIL_LOGIN=Login0f1e2d\nAPP_MODE=production\n",
    )

    seen("staging")

    assert redact("pw-of-smtp pw-of-load Login0f1e2d") == f"{MASK} {MASK} {MASK}"
    assert redact("from staging to production") == "from staging to production"


@pytest.mark.parametrize("value", ["production", "staging", "produc"])
def test_a_secret_that_would_hide_an_environments_name_is_refused(env_dir: Path, value: str) -> None:
    """The ledger would belong to nobody; the variable is named, its value is not."""
    values(env_dir, "staging", f"SMTP_PASS={value}\n")

    with pytest.raises(ConfigError, match="`SMTP_PASS` of staging is masked"):
        seen("staging")


def test_such_a_secret_of_the_process_is_refused_before_anything_starts(
    env_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is masked in whatever is said."""
    monkeypatch.setenv("SOME_API_TOKEN", "staging")
    with pytest.raises(ConfigError, match="`SOME_API_TOKEN` of the process environment"):
        app.opened(Console())

    monkeypatch.setenv("SOME_API_TOKEN", "value-of-a-token")
    monkeypatch.setenv("CACHE_KEY", "staging")
    assert app.opened(Console())


def test_a_masked_value_of_the_process_that_is_a_branch_is_refused(
    env_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is masked before the branches are known, although no rule calls it a secret."""
    toml = env_dir / "pipeline.toml"
    toml.write_text(toml.read_text().replace('branch = "staging"', 'branch = "release/next-1"'))
    monkeypatch.setenv("BUILD_CACHE_KEY", "release/next-1")

    with pytest.raises(ConfigError, match="`BUILD_CACHE_KEY` of the process environment is masked"):
        app.opened(Console())


def test_a_file_that_others_may_read_is_reported(env_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The warning comes with the command that fixes it."""
    file = values(env_dir, "staging", "A=b\n")
    file.chmod(0o644)

    seen("staging")

    assert f"`chmod 600 {file}`" in capsys.readouterr().err


def test_values_stay_out_of_our_own_environment(env_dir: Path) -> None:
    """Nothing that a file says is seen by children that are not given it."""
    values(env_dir, "staging", "DESK_TEST_SECRET=x\n")

    seen("staging")

    assert "DESK_TEST_SECRET" not in os.environ


def test_a_folder_that_is_no_checkout_is_refused(env_dir: Path, tmp_path: Path) -> None:
    """The app's repository is looked at before anything else happens."""
    configured(env_dir, tmp_path)

    with pytest.raises(ConfigError, match="which is no git checkout"):
        app.opened(Console())


def test_a_desk_that_takes_its_own_folder_for_the_app_says_so(env_dir: Path) -> None:
    """As a fresh clone does, with the configuration that it was shipped with."""
    configured(env_dir, ROOT)

    with pytest.raises(ConfigError, match="no app yet") as caught:
        app.opened(Console())

    assert "invoke init --app ../app" in str(caught.value.hint)


def test_a_linked_worktree_is_a_checkout(env_dir: Path, person: Repository, tmp_path: Path) -> None:
    """`.git` is a file in a worktree, and that is fine."""
    person.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    configured(env_dir, tmp_path / "linked")

    assert app.opened(Console()).git.resolve("HEAD", {}) == person.git("rev-parse", "HEAD")


def test_an_unknown_target_is_refused(env_dir: Path) -> None:
    """A name that is in no chain ends before any tool is made."""
    with pytest.raises(Refused, match="there is no environment `prdo`"):
        app.opened(Console(), "prdo")


@pytest.mark.parametrize(
    ("variables", "actor"),
    [
        ({"GITHUB_ACTOR": "ada"}, "ada (CI)"),
        ({"GITLAB_USER_LOGIN": "bob"}, "bob (CI)"),
        ({"GITHUB_ACTOR": "", "USER": "carol"}, "Carol Jones"),
        ({"USER": "carol"}, "Carol Jones"),
    ],
)
def test_the_actor_is_who_ci_works_for_or_git_knows(
    env_dir: Path,
    person: Repository,
    variables: dict[str, str],
    actor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ledger names a person, not a machine."""
    person.git("config", "user.name", "Carol Jones")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert actor == app.opened(Console()).actor


def test_the_clock_speaks_utc_and_ids_differ(env_dir: Path) -> None:
    """Times can be compared between machines, and two runs never share an id."""
    tools = app.opened(Console())

    assert tools.now().endswith("+00:00")
    assert tools.new_id() != tools.new_id()


# ---------------------------------------------------------------------------------------- signals


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection; ours is closed as well."""
    with connection:
        connection.settimeout(2)
        try:
            while connection.recv(65_536):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_children_and_is_reported(
    env_dir: Path, person: Repository, number: signal.Signals
) -> None:
    """Interrupted while a remote is silent: code 130, one document, no traceback, no child, and soon."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        person.git("remote", "set-url", "origin", address)
        with subprocess.Popen(
            [sys.executable, "-m", "invoke", "status", "--json"],
            cwd=ROOT,
            env=environment(env_dir),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as desk:
            silent.settimeout(10)
            connection, _ = silent.accept()  # now git waits for an answer ...
            wait_until(lambda: False, 0.2)  # ... and the desk for git
            started = time.monotonic()
            desk.send_signal(number)
            out, err = desk.communicate(timeout=20)
            took = time.monotonic() - started
            gone = hung_up(connection)
    document = json.loads(out)

    assert (desk.returncode, document["ending"], document["code"]) == (130, "failed", 130)
    assert f"interrupted by {number.name}" in document["message"]
    assert "Traceback" not in err
    assert took < 8
    assert gone


def test_a_bug_shows_its_traceback() -> None:
    """An exception that nobody foresaw is not reported as an ending."""
    code = (
        "from scripts import app\nfrom scripts.config.request import Request\n"
        "app.run_plain(lambda: 1 / 0, Request(json=True))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(None),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.stdout, ended.returncode) == ("", 1)
    assert ended.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
