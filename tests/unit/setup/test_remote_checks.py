"""`doctor` for the remote: a real git remote, and a stand-in for GitHub's API."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.git.client import Git
from scripts.setup import remote_checks
from scripts.setup.health import Finding
from tests.support import github
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository, seeded
from tests.unit.setup.test_protection import CLASSIC, RULES


def messages(findings: list[Finding], state: str) -> list[str]:
    """The messages of the findings in a state."""
    return [finding.message for finding in findings if finding.state == state]


@pytest.fixture
def remote(tmp_path: Path) -> tuple[Repository, Git]:
    """A bare remote with the team's three branches, and a clone of it."""
    origin, person = seeded(tmp_path)
    for branch in ("staging", "main"):
        origin.git("branch", branch, "develop")
    return origin, Git(person.folder, "origin")


def test_a_remote_of_git_takes_the_pushes_of_a_lock(tmp_path: Path, remote: tuple[Repository, Git]) -> None:
    """It refuses a wrong lease as a whole; nothing is left there."""
    origin, git = remote
    before = origin.refs()
    findings = list(remote_checks.check_remote(fake_desk(tmp_path, git=git)))

    assert messages(findings, "error") == []
    assert [finding.check for finding in findings] == ["remote", "push"]
    assert origin.refs() == before


def test_scratch_refs_of_killed_doctors_are_swept(tmp_path: Path, remote: tuple[Repository, Git]) -> None:
    """Those of one that may be running now stay."""
    origin, git = remote
    desk = fake_desk(tmp_path, git=git)
    now = int(datetime.fromisoformat(desk.now()).timestamp() // 60)
    running = f"refs/deploy/doctor/{now - 1}-abc/a"
    for ref in ("refs/deploy/doctor/0123456789ab/a", f"refs/deploy/doctor/{now - 60}-abc/b", running):
        origin.git("update-ref", ref, "develop")

    list(remote_checks.check_remote(desk))

    assert [ref for ref in origin.refs() if "doctor" in ref] == [running]


@pytest.mark.parametrize("ref", ["refs/deploy/lock/staging/x", "refs/deploy/candidate/staging"])
def test_a_ref_in_the_way_of_a_lock_is_named(
    tmp_path: Path, remote: tuple[Repository, Git], ref: str
) -> None:
    """Git can make no ref below another one, nor above."""
    origin, git = remote
    origin.git("update-ref", ref, "develop")

    (message,) = messages(list(remote_checks.check_remote(fake_desk(tmp_path, git=git))), "error")

    assert f"`{ref}` on the remote is in the way of the lock" in message


def test_what_the_checkout_configures_and_the_desk_does_not_use_is_named(
    tmp_path: Path, remote: tuple[Repository, Git]
) -> None:
    """A program that came with the checkout is not run; what the person meant belongs elsewhere."""
    Repository(remote[1].folder).git("config", "core.sshCommand", "touch x")
    findings = list(remote_checks.check_remote(fake_desk(tmp_path, git=remote[1])))

    assert messages(findings, "warning") == [
        "the checkout's own `.git/config` sets `core.sshcommand`: the desk does not use that"
    ]


def test_a_rule_about_committers_is_named_with_its_setting(
    tmp_path: Path, remote: tuple[Repository, Git]
) -> None:
    """GitHub and GitLab have such rules about mail addresses."""
    origin, git = remote
    origin.hook("pre-receive", 'echo "Committer\'s email does not follow the pattern" >&2; exit 1')
    findings = list(remote_checks.check_remote(fake_desk(tmp_path, git=git)))

    assert "committer" in str([finding.hint for finding in findings if finding.state == "error"])


def test_a_missing_branch_is_named_with_the_push_that_makes_it(
    tmp_path: Path, remote: tuple[Repository, Git]
) -> None:
    """The others are not."""
    origin, git = remote
    origin.git("branch", "-D", "staging")
    findings = list(remote_checks.check_remote(fake_desk(tmp_path, git=git)))

    assert messages(findings, "error") == ["it has no branch `staging`"]
    assert "`git push origin HEAD:refs/heads/staging`" in [finding.hint for finding in findings]


def test_a_remote_that_refuses_our_refs_is_an_error(tmp_path: Path, remote: tuple[Repository, Git]) -> None:
    """Such as a server whose rules allow branches alone."""
    origin, git = remote
    origin.hook("update", 'case "$1" in refs/deploy/*) echo no; exit 1 ;; esac')
    findings = list(remote_checks.check_remote(fake_desk(tmp_path, git=git)))

    assert [message.partition(":")[0] for message in messages(findings, "error")] == [
        "refs below `refs/deploy/` can't be pushed"
    ]


def test_the_rules_of_each_branch_are_read_from_github(
    tmp_path: Path, remote: tuple[Repository, Git], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By classic protection or by rulesets; an open branch is an error."""
    desk = fake_desk(tmp_path, git=remote[1], now=lambda: datetime.now(UTC).isoformat())
    with github.serving() as hub:
        for name, value in {
            "GH_TOKEN": github.TOKEN,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_API_URL": hub.url,
        }.items():
            monkeypatch.setenv(name, value)
        hub.answers = {
            "": (200, {"full_name": "o/r", "permissions": {"push": True}}),
            "/branches/develop/protection": (200, CLASSIC),
            "/rules/branches/staging": (200, RULES),
            "/rules/branches/main": (200, []),
            "/rules/branches/deploy-ledger": (200, RULES),
            "/rulesets": (200, []),
        }
        findings = list(remote_checks.check_github(desk))

    assert messages(findings, "error") == ["`main` can be force-pushed", "`main` can be deleted"]
    assert {finding.check for finding in findings} == {"github-token", "clock", "protection", "rulesets"}


def test_a_token_that_github_refuses_is_an_error(
    tmp_path: Path, remote: tuple[Repository, Git], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No rule is judged then."""
    with github.serving() as hub:
        monkeypatch.setenv("GH_TOKEN", "ghp_wrong")
        monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
        monkeypatch.setenv("GITHUB_API_URL", hub.url)
        findings = list(remote_checks.check_github(fake_desk(tmp_path, git=remote[1])))

    assert messages(findings, "error") == ["GitHub answers 401 for `o/r`"]


def test_a_remote_that_is_not_github_has_no_rules(
    tmp_path: Path, remote: tuple[Repository, Git], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)

    assert list(remote_checks.check_github(fake_desk(tmp_path, git=remote[1]))) == []
