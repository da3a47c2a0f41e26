"""Turns, rows and their verdicts."""

from __future__ import annotations

from functools import partial

import pytest

from tests.bench.clock import Spent
from tests.bench.plan import Limit
from tests.bench.turns import Row, Way, growth, side_by_side, take_turns

MINE, OTHER = [Spent(1.2, 1.0), Spent(2.4, 1.0), Spent(1.2, 1.0)], [Spent(1.0, 0.5)] * 3


def recorded(order: list[str], name: str, cpu: float = 1.0) -> Spent:
    """A way that notes that it was gone."""
    order.append(name)
    return Spent(1.0, cpu)


def test_ways_take_turns() -> None:
    """Each once to warm up, then one after the other."""
    order: list[str] = []
    ways: dict[str, Way] = {name: partial(recorded, order, name) for name in "ab"}
    taken = take_turns(ways, 2)

    assert order == ["a", "b", "a", "b", "a", "b"]
    assert {name: len(every) for name, every in taken.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        (Limit(), ""),
        (Limit(ratio=1.3), "ok"),
        (Limit(ratio=1.1), "over"),
        (Limit(more=0.3), "ok"),
        (Limit(more=0.1), "over"),
        (Limit(ratio=1.3, more=0.1), "over"),
        (Limit(least=1.2), "ok"),
        (Limit(least=1.3), "over"),
        (Limit(value=1.2), "ok"),
        (Limit(value=1.1), "over"),
    ],
)
def test_the_verdict_is_that_of_the_medians(limit: Limit, verdict: str) -> None:
    """Ratio 1.2, 0.2 s more, 1.2 s in itself; each limit that is set must hold."""
    assert Row.of("x", MINE, OTHER, limit=limit).verdict == verdict


def test_a_row_without_another_is_not_compared() -> None:
    """It has no ratio, and a limit of ratios says nothing of it."""
    row = Row.of("x", MINE, limit=Limit(ratio=1.0))

    assert (row.ratio, row.more, row.other, row.verdict) == (None, None, None, "")


def test_what_is_compared_may_be_another_value_than_seconds() -> None:
    """As requests for a second of CPU time."""
    mine, other = [Spent(1.0, 1.0, value=90.0)], [Spent(1.0, 1.0, value=100.0)]
    row = Row.of("x", mine, other, limit=Limit(least=0.9))

    assert (row.mine.median, row.verdict) == (90.0, "ok")


def test_growth_says_how_it_ends() -> None:
    """The rows stand beside the smallest size; the last has the exponent of the last step."""
    order: list[str] = []
    cpu = {10: 1.0, 100: 1.0, 1000: 10.0}
    ways: dict[int, Way] = {size: partial(recorded, order, str(size), each) for size, each in cpu.items()}
    rows = growth("status", "events", ways, 3, limit=Limit(exponent=0.9))

    assert [row.case for row in rows][1:] == [
        "status, 100 events",
        "status, 1,000 events",
        "status, growth",
    ]
    assert [row.beside for row in rows] == ["", "10 events", "10 events", ""]
    assert rows[-1].exponent == pytest.approx(1.0)
    assert rows[-1].verdict == "over"
    assert order[:6] == ["10", "100", "1000", "10", "100", "1000"]


def test_side_by_side_names_both() -> None:
    """The other by what it is."""
    order: list[str] = []
    row = side_by_side("desk", partial(recorded, order, "a"), "script", partial(recorded, order, "b"), 1)

    assert (row.case, row.beside, row.ratio and row.ratio.median) == ("desk", "script", 1.0)
    assert row.document()["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0, "number": 1}
