"""The load over time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.unit.loadtests.modules import load

shapes = load("shapes")
PLAN: dict[str, Any] = {
    "peak": 10,
    "warmup": 10,
    "stages": [{"seconds": 20, "load": 0.5}, {"seconds": 10, "load": 1}],
}


@pytest.mark.parametrize(
    ("at", "share"), [(0, 0.1), (5, 0.3), (10, 0.5), (29.9, 0.5), (30, 1.0), (39.9, 1.0), (40, None)]
)
def test_the_load_rises_then_follows_the_stages(at: float, share: float | None) -> None:
    """The warm-up begins with a fifth of the first stage."""
    assert shapes.share_of_peak(PLAN, at) == (share if share is None else pytest.approx(share))


def test_arrivals_come_at_the_rate_of_their_stage() -> None:
    """5 a second for 20 s, then 10 a second for 10 s."""
    due = [at for at in shapes.arrivals(PLAN) if at >= 10]

    assert len(due) == pytest.approx(20 * 5 + 10 * 10, abs=2)
    assert min(later - earlier for earlier, later in pairwise(due)) == pytest.approx(0.1)
    assert due[-1] < 40


@pytest.mark.parametrize("rate", [7, 900, 4321.5])
def test_what_is_due_in_the_same_5_ms_is_sent_together(rate: float) -> None:
    """At most 200 times a second; no arrival is lost, late, or moved into another second."""
    plan = {"peak": rate, "warmup": 2, "stages": [{"seconds": 3, "load": 1}]}
    times = list(shapes.arrivals(plan))
    due = list(shapes.together(iter(times)))

    assert len(due) == len(times)
    assert all(0 <= at - moved < 0.005001 for at, moved in zip(times, due, strict=True))
    for second in range(2, 5):
        planned, sent = ([at for at in each if second <= at < second + 1] for each in (times, due))
        assert len(sent) == len(planned) == pytest.approx(rate, abs=1)
        assert len(set(sent)) <= min(200, len(planned))


@pytest.mark.parametrize(
    ("at", "expected"),
    [(0, (5, 1.0)), (15, (5, shapes.SPAWN_RATE)), (35, (10, shapes.SPAWN_RATE)), (40, None)],
)
def test_users_are_all_there_when_the_warm_up_ends(at: float, expected: tuple[int, float] | None) -> None:
    """They start slowly during the warm-up, at once at a new stage."""
    assert shapes.users(PLAN, at) == expected


def test_there_is_at_least_one_user() -> None:
    """Whatever the share."""
    assert shapes.users({**PLAN, "peak": 1, "stages": [{"seconds": 9, "load": 0.1}]}, 12) == (1, 100.0)
