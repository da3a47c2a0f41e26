"""What the facts say together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.release.request import DrillRequest, RollbackRequest
from scripts.state.ledger import Ledger
from tests.unit.release.samples import DEPLOY, HOTFIX, ONE, PROMOTE, ROW_ONE, ROW_TWO, TWO, A, C, event


def test_the_expected_answer_is_that_of_the_commit() -> None:
    """What is verified afterwards follows from the facts."""
    facts = replace(PROMOTE, committed=(ONE, TWO))

    assert (facts.expected.commit, facts.expected.environment, facts.expected.schema) == (A, "staging", "2")
    assert replace(facts, committed=()).schema is None


@pytest.mark.parametrize(
    ("applied", "standing"), [((ROW_TWO, ROW_ONE), "2"), ((), None), (None, None)], ids=str
)
def test_the_schema_that_stands_is_the_newest_in_the_database(applied: object, standing: object) -> None:
    """Whatever the commit brings; None where there is no database."""
    assert replace(PROMOTE, applied=applied).standing == standing  # type: ignore[arg-type]


def test_the_previous_release_is_the_one_that_is_live_here() -> None:
    """Not on another environment."""
    assert (
        PROMOTE.previous and PROMOTE.previous.release,
        PROMOTE.previous and PROMOTE.previous.commit,
    ) == (
        "v1",
        C,
    )
    assert replace(PROMOTE, ledger=Ledger(None, ())).previous is None


def test_the_kind_of_event_follows_from_the_task() -> None:
    """A drill is never a release; going back is a rollback."""
    back = replace(DEPLOY, request=RollbackRequest(), target=event("development", "v1", A))

    assert [each.kind for each in (PROMOTE, DEPLOY, HOTFIX, back)] == ["release"] * 3 + ["rollback"]
    assert replace(DEPLOY, request=DrillRequest()).kind == "drill"
    assert [each.rolls_back for each in (DEPLOY, back)] == [False, True]
    assert [each.moves_branch for each in (PROMOTE, DEPLOY, HOTFIX, back)] == [True, False, True, False]
