"""The rules of a branch on GitHub: what they ask of a push, and for whom they don't hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scripts.github.branch_rules import BranchRules, is_signed, missing_checks, parse_rules, read_rules
from scripts.github.client import Github
from scripts.github.pulls import compare_url, find_or_open
from scripts.system.secret import Secret
from tests.support.github import TOKEN, Hub, serving

COMMIT = "a" * 40


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    """A stand-in for GitHub."""
    with serving() as hub:
        yield hub


@pytest.fixture
def hub(running: Hub) -> Hub:
    """The same, without any rule."""
    running.answers.clear()
    running.made.clear()
    return running


def github(hub: Hub) -> Github:
    """The client for it."""
    return Github("o/r", Secret(TOKEN), hub.url)


def test_the_rules_of_rulesets() -> None:
    """Those that concern a push; a merge queue takes no push; anything else is no rule of a push."""
    checks = {"required_status_checks": [{"context": "ci"}, {"context": "lint"}, 7]}
    rules: list[dict[str, Any]] = [
        {"type": "merge_queue"},
        {"type": "required_status_checks", "parameters": checks},
        {"type": "required_linear_history"},
        {"type": "required_signatures", "parameters": None},
        {"type": "update"},
        {"type": "non_fast_forward"},
        {"type": 3},
    ]

    assert parse_rules(rules) == BranchRules(True, True, True, True, ("ci", "lint"), queue=True)
    assert parse_rules(rules[-2:]) == BranchRules()


@pytest.mark.parametrize(
    ("bypass", "asked"),
    [("always", False), ("exempt", False), ("pull_requests_only", True), ("never", True)],
)
def test_a_rule_that_the_account_may_bypass_is_none(hub: Hub, bypass: str, asked: bool) -> None:
    """Always, not for pull requests alone."""
    hub.protect("develop", "pull_request", bypass=bypass)

    assert read_rules(github(hub), "develop").pull_request is asked


@pytest.mark.parametrize(
    ("enforced", "admin", "asked"), [(True, True, True), (False, True, False), (False, False, True)]
)
def test_classic_protection(hub: Hub, enforced: bool, admin: bool, asked: bool) -> None:
    """Administrators go past it where it is not enforced for them."""
    hub.answers[""] = (200, {"permissions": {"admin": admin, "push": True}})
    hub.answers["/branches/main/protection"] = (
        200,
        {
            "required_pull_request_reviews": {"required_approving_review_count": 1},
            "enforce_admins": {"enabled": enforced},
            "required_signatures": {"enabled": False},
            "required_status_checks": {"contexts": ["ci"]},
        },
    )
    expected = BranchRules(pull_request=True, checks=("ci",), approvals=1) if asked else BranchRules()

    assert read_rules(github(hub), "main") == expected


@pytest.mark.parametrize(
    "answer", [(404, None), (403, {"message": "no"}), (200, {"a": 1}), (200, [3, "x"])]
)
def test_what_can_not_be_read_is_no_rule(hub: Hub, answer: tuple[int, Any]) -> None:
    """The push itself will say so."""
    hub.answers["/rules/branches/main"] = hub.answers["/branches/main/protection"] = answer

    assert read_rules(github(hub), "main") == BranchRules()


def test_checks_and_signatures_of_a_commit(hub: Hub) -> None:
    """By check runs and by statuses; a commit that GitHub does not know has none."""
    runs = [{"name": "ci", "conclusion": "success"}, {"name": "e2e", "conclusion": "failure"}]
    hub.answers[f"/commits/{COMMIT}/check-runs"] = (200, {"check_runs": runs})
    hub.answers[f"/commits/{COMMIT}/status"] = (200, {"statuses": [{"context": "x", "state": "success"}]})
    hub.answers[f"/commits/{COMMIT}"] = (200, {"commit": {"verification": {"verified": True}}})

    assert missing_checks(github(hub), COMMIT, ("ci", "x", "e2e", "new")) == ("e2e", "new")
    assert is_signed(github(hub), COMMIT)
    assert not is_signed(github(hub), "b" * 40)


def test_a_pull_request_is_opened_once(hub: Hub) -> None:
    """The second call finds the first one's."""
    first, second = (find_or_open(github(hub), "x/y", "develop", "t", "b") for _ in range(2))

    assert (first.number, first.opened, second.number, second.opened) == (1, True, 1, False)
    assert hub.made[0]["head"] == "x/y"
    assert compare_url("o/r", "a/b c", "develop").endswith("/o/r/compare/develop...a/b%20c?expand=1")
