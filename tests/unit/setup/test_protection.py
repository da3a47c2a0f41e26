"""GitHub's answers against the strategy's rules."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.setup.protection import Protection, check_branch, check_token, parse

CLASSIC: dict[str, Any] = {
    "required_status_checks": {"strict": True, "contexts": ["test"], "checks": [{"context": "test"}]},
    "required_pull_request_reviews": {"required_approving_review_count": 1},
    "enforce_admins": {"enabled": True},
    "restrictions": {"users": [], "teams": [], "apps": []},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}
RULES: list[dict[str, Any]] = [
    {"type": "deletion"},
    {"type": "non_fast_forward"},
    {"type": "update"},
    {"type": "pull_request", "parameters": {"required_approving_review_count": 1}},
    {
        "type": "required_status_checks",
        "parameters": {"required_status_checks": [{"context": "test", "integration_id": 1}]},
    },
]
SAFE = Protection(force_push=False, deletion=False, reviews=1, checks=("test",), restricted=True)


def test_both_kinds_of_protection_read_alike() -> None:
    """Classic protection, rulesets, and half of each."""
    half = {**CLASSIC, "required_pull_request_reviews": None, "restrictions": None}

    assert (
        SAFE
        == parse(CLASSIC, [])
        == parse(None, RULES)
        == parse({**half, "required_status_checks": None}, RULES)
    )
    assert Protection() == parse(None, [])


@pytest.mark.parametrize("change", ["allow_force_pushes", "allow_deletions"])
def test_what_classic_protection_allows_is_seen(change: str) -> None:
    """A protected branch that may be forced or deleted is an error."""
    found = parse({**CLASSIC, change: {"enabled": True}}, [])

    assert ["error"] == [each.state for each in check_branch("main", found, first=False)]


@pytest.mark.parametrize(
    ("first", "ledger", "states"),
    [
        (True, False, ["error", "error", "warning", "warning"]),
        (False, False, ["error", "error", "warning"]),
        (False, True, ["error", "error"]),
    ],
)
def test_an_open_branch(first: bool, ledger: bool, states: list[str]) -> None:
    """Nothing is enforced: what is wrong depends on how the branch is moved."""
    assert states == [each.state for each in check_branch("x", Protection(), first=first, ledger=ledger)]
    assert ["ok"] == [each.state for each in check_branch("x", SAFE, first=first, ledger=ledger)]


@pytest.mark.parametrize(
    ("granted", "permissions", "state"),
    [
        (None, {"push": True}, "ok"),
        ("repo, workflow", {"push": True, "admin": True}, "ok"),
        ("repo", {"push": False}, "error"),
        (None, {}, "error"),
        ("repo, delete_repo", {"push": True}, "warning"),
    ],
)
def test_the_scopes_of_a_token(granted: str | None, permissions: dict[str, bool], state: str) -> None:
    """It may push, and not delete the organisation."""
    assert state == check_token(granted, permissions).state
