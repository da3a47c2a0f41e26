"""`doctor` on this machine: programs, the pinned Supabase CLI, files with secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.git.client import Git
from scripts.setup import machine_checks, programs
from scripts.setup.health import Finding
from scripts.system import confinement, temporary
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository


def states(findings: list[Finding]) -> dict[str, str]:
    """The state of each check."""
    return {finding.check: finding.state for finding in findings}


def test_each_program_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release needs git and ssh; without node it can be made all the same."""
    versions = {"git": (2, 30), "ssh": (9, 2)}
    monkeypatch.setattr(programs, "version", lambda name, *_question: versions.get(name))
    monkeypatch.setattr(machine_checks, "RELEASED", "2030-01-01")  # the fake clock's year
    found = states(list(machine_checks.check_programs(fake_desk(tmp_path))))

    assert found == {"desk": "ok", "python": "ok", "git": "error", "ssh": "ok", "node": "warning"}


@pytest.mark.parametrize(
    ("package", "installed", "state"),
    [
        ({"devDependencies": {"supabase": "3.1.0"}}, "3.1.0", "ok"),
        ({"dependencies": {"supabase": "3.1.0"}}, "3.0.0", "error"),
        ({"devDependencies": {"supabase": "^3.1.0"}}, "3.1.0", "warning"),
        ({"devDependencies": None}, None, "error"),
    ],
)
def test_the_pinned_cli_is_the_installed_one(
    tmp_path: Path, package: object, installed: str | None, state: str
) -> None:
    """Pinned in either list of `package.json`."""
    (tmp_path / "package.json").write_text(json.dumps(package))
    if installed:
        folder = tmp_path / "node_modules" / "supabase"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"version": installed}))
    found = list(machine_checks.check_supabase_cli(fake_desk(tmp_path, git=Git(tmp_path, "origin"))))

    assert states(found) == {"supabase-cli": state}


def test_migrations_that_no_release_applies_are_named(tmp_path: Path) -> None:
    """Those of the configured folder are applied."""
    person = Repository(tmp_path)
    person.git("init", "-q")
    for folder in ("supabase", "apps/web/supabase"):
        (tmp_path / folder / "migrations").mkdir(parents=True)
        (tmp_path / folder / "migrations" / "1_x.sql").touch()
    person.git("add", "-A")
    (found,) = machine_checks.check_migrations(fake_desk(tmp_path, git=Git(tmp_path, "origin")))

    assert "`apps/web/supabase/migrations` has migrations that no release applies" == found.message


def test_private_files_that_git_ignores_are_fine(tmp_path: Path) -> None:
    """One line for each file that is there."""
    desk = fake_desk(tmp_path)
    desk.config_folder.mkdir(mode=0o700)
    environment = next(iter(desk.settings)).name
    file = desk.config_folder / f".env.{environment}"
    file.touch(mode=0o600)

    assert [found.state for found in machine_checks.check_files(desk)] == ["ok"]

    file.chmod(0o644)
    desk.config_folder.chmod(0o777)
    desk.state_folder.mkdir()
    desk.state_folder.chmod(0o777)
    found = list(machine_checks.check_files(desk))

    assert [finding.state for finding in found] == ["error", "error", "warning"]


def test_a_committed_secret_is_an_error_and_so_is_one_that_is_not_ignored(tmp_path: Path) -> None:
    """Git would add it next time."""
    desk = fake_desk(tmp_path)
    repository = Repository(tmp_path)
    repository.git("init", "-q")
    desk.config_folder.mkdir(mode=0o700)
    committed, untracked = (environment.name for environment in list(desk.settings)[:2])
    (desk.config_folder / f".env.{committed}").touch(mode=0o600)
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "oops")
    (desk.config_folder / f".env.{untracked}").touch(mode=0o600)
    errors = [found.message for found in machine_checks.check_files(desk) if found.state == "error"]

    assert errors == [
        f"`.env.{committed}` is committed, and stays in git's history",
        f"`.env.{untracked}` is not git-ignored: the next `git add` adds it",
    ]


@pytest.mark.parametrize(("why", "state"), [("", "ok"), ("this is no Linux", "warning")])
def test_as_whom_journeys_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, state: str
) -> None:
    """Plainly, where they could read the values of production."""
    monkeypatch.setattr(confinement, "why_not", lambda: why)
    (finding,) = machine_checks.check_confinement(fake_desk(tmp_path))

    assert finding.state == state
    assert why in finding.message


@pytest.mark.parametrize(("left", "state"), [([], "ok"), ([Path("/tmp/release-desk-x")], "warning")])
def test_what_killed_runs_left_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: list[Path], state: str
) -> None:
    """With the command that removes it, if this task could not."""
    monkeypatch.setattr(machine_checks, "SWEEP_TIMEOUT", 0.1)
    monkeypatch.setattr(temporary, "abandoned", lambda: left)
    findings = list(machine_checks.check_leftovers(fake_desk(tmp_path)))

    assert [finding.state for finding in findings] == [state]
    assert all(str(path) in f"{finding.message} {finding.hint}" for path in left for finding in findings)
