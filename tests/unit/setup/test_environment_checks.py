"""`doctor` for one environment: a real HTTP server, and an `ssh` that answers as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.settings import Environment
from scripts.database.edge_functions import deployed
from scripts.database.postgres.trouble import READ_ONLY, STANDBY, Trouble
from scripts.errors import DeskError, Refused, Unreachable
from scripts.setup import environment_checks
from scripts.setup.health import Finding
from tests.fakes.database import FakeDatabase
from tests.fakes.functions import TOKEN, FakeFunctions
from tests.support import servers
from tests.support.fake_desk import fake_desk

COMMIT = "a" * 40


def staging(tmp_path: Path, **changes: Any) -> Environment:
    """Staging of the settings that the fake desk has, with changed fields."""
    return fake_desk(tmp_path).settings.environment("staging")._replace(**changes)


def states(findings: list[Finding]) -> list[tuple[str, str]]:
    """The check and state of each finding."""
    return [(finding.check, finding.state) for finding in findings]


@pytest.mark.parametrize(
    ("path", "state", "text"),
    [
        ("/good", "ok", f"serves `{COMMIT[:12]}`"),
        ("/plain", "warning", "names no commit"),
    ],
)
def test_the_url_should_answer_with_a_commit(tmp_path: Path, path: str, state: str, text: str) -> None:
    """One that answers without is no error: the first release is still to come."""
    with servers.serving() as server:
        server.answers["/good/version.json"] = servers.text(json.dumps({"commit": COMMIT}))
        server.answers["/good/"] = servers.text("<html>")
        server.answers["/plain/version.json"] = servers.text("{}")
        environment = staging(tmp_path, url=f"{server.url}{path}")
        (finding,) = environment_checks.check_url(fake_desk(tmp_path), environment)

    assert (finding.check, finding.state) == ("url", state)
    assert text in finding.message


def test_a_url_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """The hint is a command that shows why."""
    url = f"http://127.0.0.1:{servers.closed_port()}"
    (finding,) = environment_checks.check_url(fake_desk(tmp_path), staging(tmp_path, url=url))

    assert finding.state == "error"
    assert f"curl -sSI {url}" in (finding.hint or "")


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Make `ssh` print a text and end with a code; `ssh -G` knows the alias."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def answer(text: str, code: int = 0) -> None:
        program = folder / "ssh"
        program.write_text(
            '#!/bin/sh\ncase "$*" in *-G*) echo "hostname box.example"; exit 0 ;; esac\n'
            f"cat >/dev/null\ncat <<'END'\n{text}\nEND\nexit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return answer


REPORT = {"git": True, "node": True, "npm": True, "flock": True, "folder": True, "checkout": True}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("ssh", "ok"), ("workspace", "ok")]),
        ({"npm": False}, [("ssh", "ok"), ("workspace", "warning"), ("workspace", "ok")]),
        ({"git": False}, [("ssh", "ok"), ("workspace", "error"), ("workspace", "ok")]),
        ({"checkout": False}, [("ssh", "ok"), ("workspace", "error")]),
        ({"folder": False}, [("ssh", "ok"), ("workspace", "error")]),
    ],
)
def test_the_workspace_needs_programs_and_a_checkout(
    tmp_path: Path,
    ssh: Callable[..., None],
    changes: dict[str, bool],
    expected: list[tuple[str, str]],
) -> None:
    """The last line is the answer, whatever a login prints before it."""
    ssh("Welcome!\n" + json.dumps({**REPORT, **changes}))
    findings = list(environment_checks.check_workspace(fake_desk(tmp_path), staging(tmp_path)))

    assert states(findings) == expected


@pytest.mark.parametrize("answer", ["", "Welcome!", "[1]", "[" * 100_000])
def test_no_answer_of_ssh_is_an_error(tmp_path: Path, ssh: Callable[..., None], answer: str) -> None:
    """The hint is the command that shows why."""
    ssh(answer, 255)
    (finding,) = environment_checks.check_workspace(fake_desk(tmp_path), staging(tmp_path))

    assert (finding.state, finding.hint) == ("error", "`ssh staging true`")
    assert "ssh ended with 255" in finding.message


def test_a_launcher_needs_no_workspace_and_has_to_answer(tmp_path: Path) -> None:
    """No ssh is tried; that nobody answers is said with what to look at."""
    url = f"http://127.0.0.1:{servers.closed_port()}"
    environment = staging(tmp_path, url=url, publish="launcher", ssh_host="")
    desk = replace(fake_desk(tmp_path), values=lambda _: {"LAUNCHER_TOKEN": "token-of-a-test"})

    assert list(environment_checks.check_workspace(desk, environment)) == []
    (finding,) = environment_checks.check_publish(desk, environment)
    assert (finding.check, finding.state) == ("publish", "error")
    assert "the launcher of staging gives no answer" in finding.message
    assert "`invoke init --launcher`" in (finding.hint or "")


def test_an_alias_that_ssh_does_not_know_is_an_error(tmp_path: Path) -> None:
    """Nothing is asked of the network then."""
    config = tmp_path / "env" / "ssh_config"
    config.parent.mkdir()
    config.touch()
    environment = staging(tmp_path, ssh_host="nowhere-x7", ssh_config="ssh_config")
    (finding,) = environment_checks.check_workspace(fake_desk(tmp_path), environment)

    assert finding.message == "the ssh configuration has no alias `nowhere-x7`"


def test_variables_without_a_value_are_an_error(tmp_path: Path) -> None:
    """So is a token that is none of Supabase's."""
    environment = staging(tmp_path)
    desk = fake_desk(tmp_path, {"staging": {"SUPABASE_ACCESS_TOKEN": "eyJx"}})
    findings = list(environment_checks.check_variables(desk, environment))

    assert ("variables", "error") in states(findings)
    assert (
        findings[-1].message
        == "`SUPABASE_ACCESS_TOKEN` does not have the format of a Supabase access token"
    )

    good = dict.fromkeys(desk.settings.app.build_variables, "x")
    desk = fake_desk(tmp_path, {"staging": {**good, "SUPABASE_ACCESS_TOKEN": "sbp_" + "0" * 40}})

    assert states(list(environment_checks.check_variables(desk, environment))) == [("variables", "ok")]


def test_a_variable_of_the_build_that_is_empty_is_named(tmp_path: Path) -> None:
    """As `.env.staging.example` leaves it: the app would be built, and be dead."""
    desk = fake_desk(tmp_path, {"staging": {"VITE_A": "1", "VITE_B": ""}})
    app = desk.settings.app._replace(build_variables=("VITE_A", "VITE_B"))
    desk = replace(desk, settings=replace(desk.settings, app=app))
    (empty,) = environment_checks.check_variables(desk, staging(tmp_path))

    assert (empty.state, empty.message) == ("error", "empty, and the build needs them: `VITE_B`")


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (
            None,
            ("functions", "ok"),
            "lists 1 Edge Function; a scoped token also needs `edge_functions_write`",
        ),
        (Unreachable("no", "give it the right"), ("functions", "error"), "no"),
    ],
)
def test_the_right_to_edge_functions_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: DeskError | None,
    expected: tuple[str, str],
    words: str,
) -> None:
    """Only for an app that has some."""
    project = FakeFunctions(unreadable=fault)
    project.put("hello", "sources")

    def functions(ref: str, *_: object) -> SimpleNamespace:
        return SimpleNamespace(project=ref, listed=project.listed)

    monkeypatch.setattr(deployed, "Functions", functions)
    values = {"SUPABASE_PROJECT_ID": "a" * 20, "SUPABASE_ACCESS_TOKEN": TOKEN}
    desk = fake_desk(tmp_path, {"staging": values})
    assert list(environment_checks.check_functions(desk, staging(tmp_path))) == []
    (desk.git.folder / "supabase" / "functions").mkdir(parents=True)
    (finding,) = environment_checks.check_functions(desk, staging(tmp_path))

    assert states([finding]) == [expected]
    assert words in finding.message


def test_a_missing_token_of_publish_is_an_error(tmp_path: Path) -> None:
    """The driver says what it needs."""
    (finding,) = environment_checks.check_publish(fake_desk(tmp_path), staging(tmp_path))

    assert (finding.check, finding.state) == ("publish", "error")
    assert "REPLIT_MCP_TOKEN" in finding.message


def test_an_environment_without_a_database_has_no_database_check(tmp_path: Path) -> None:
    """Where it should have one, its missing address ends the check."""
    desk = fake_desk(tmp_path)

    assert list(environment_checks.check_database(desk, staging(tmp_path, database=False))) == []
    with pytest.raises(Refused, match="`DATABASE_URL` of staging is missing"):
        list(environment_checks.check_database(desk, staging(tmp_path)))


@pytest.mark.parametrize("trouble", [READ_ONLY, STANDBY])
def test_a_database_that_takes_no_writes_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Trouble
) -> None:
    """A release with a migration would fail."""
    desk = fake_desk(
        tmp_path, values={"staging": {"DATABASE_URL": "postgresql://p@127.0.0.1/x?sslmode=disable"}}
    )
    monkeypatch.setattr(environment_checks, "Postgres", lambda _: FakeDatabase(unwritable=trouble))
    found = list(environment_checks.check_database(desk, staging(tmp_path)))

    assert [(each.state, each.message, each.hint) for each in found if "`x`" in each.message] == [
        ("error", f"the database `x` {trouble.state}", trouble.hint)
    ]
