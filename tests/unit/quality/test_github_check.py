"""A named check on GitHub as a proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scripts.config.settings import AppTests, Gates
from scripts.github.client import Github
from scripts.quality.gates import Check
from scripts.quality.github_check import read
from scripts.quality.twins import Twins
from scripts.system.secret import Secret
from tests.support import github

A, B = "a" * 40, "b" * 40
TESTS, DEMANDS = AppTests(unit_check="ci / unit", integration_check="other"), Gates(unit=True)


@pytest.fixture
def hub() -> Iterator[github.Hub]:
    """GitHub, without any check yet."""
    with github.serving() as made:
        yield made


def asked(hub: github.Hub, token: str = github.TOKEN) -> Check:
    """What the check of `A`, or of its twin `B`, says."""
    found = read(Github("o/r", Secret(token), hub.url), TESTS, DEMANDS, Twins(equal=frozenset({A, B})), A)
    assert list(found) == ["unit"]
    return found["unit"]


def runs(*endings: tuple[str, str | None]) -> tuple[int, Any]:
    """Check runs: name and conclusion; None: still under way."""
    rows = [{"name": name, "status": "in_progress", "conclusion": ending} for name, ending in endings]
    return 200, {"check_runs": rows}


@pytest.mark.parametrize(
    ("endings", "passed", "state"),
    [
        ([("ci / unit", "success")], True, "the check `ci / unit` on GitHub: passed"),
        (
            [("ci / unit", "success"), ("ci / unit", "failure")],
            False,
            "the check `ci / unit` on GitHub: failure",
        ),
        ([("ci / unit", "skipped")], False, "the check `ci / unit` on GitHub: skipped"),
        ([("ci / unit", None)], False, "the check `ci / unit` on GitHub: in_progress"),
        ([("unit", "success")], False, "missing; GitHub has no check `ci / unit` of `aaaaaaaaaaaa`"),
    ],
)
def test_only_a_success_is_a_proof(
    hub: github.Hub, endings: list[tuple[str, str | None]], passed: bool, state: str
) -> None:
    """Every run of that name has to have passed; one that was skipped has tested nothing."""
    hub.answers[f"/commits/{A}/check-runs"] = runs(*endings)

    assert asked(hub) == Check(passed, state)


def test_a_commit_status_and_the_same_files_count(hub: github.Hub) -> None:
    """What another CI reports, for a commit that a button made the same files of."""
    hub.answers[f"/commits/{B}/status"] = (
        200,
        {"statuses": [{"context": "ci / unit", "state": "success"}]},
    )

    assert asked(hub).passed


def test_no_answer_is_no_proof(hub: github.Hub) -> None:
    """Nor is no token."""
    assert asked(hub, "ghp_wrong").state == "missing; GitHub can't be asked: it answered 401"
    assert not read(None, TESTS, DEMANDS, Twins(), A)["unit"].passed
    assert read(None, TESTS, Gates(), Twins(), A) == {}
