"""What the facts say together."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.release.samples import (
    ONE,
    PROMOTE,
    TWO,
    A,
)


def test_the_expected_answer_is_that_of_the_commit() -> None:
    """What is verified afterwards follows from the facts."""
    facts = replace(PROMOTE, committed=(ONE, TWO))

    assert (A, "staging", "2") == (facts.expected.commit, facts.expected.environment, facts.expected.schema)
    assert replace(facts, committed=()).schema is None
