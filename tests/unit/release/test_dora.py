"""DORA's figures: from events and dates that a person can check by hand."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.git.history import Dated
from scripts.release.dora import Figures, seconds_of, span, stats
from scripts.state.ledger import Event

NOW, HOUR = "2030-03-31T00:00:00+00:00", 3600.0
A, B, C, D, MERGE = ("a" * 40, "b" * 40, "c" * 40, "d" * 40, "e" * 40)


def event(day: str, commit: str, ending: str = "done", kind: str = "release", **detail: Any) -> Event:
    """Something that happened in production in March."""
    return Event("production", kind, ending, "v1", commit, "Ada", f"2030-03-{day}:00+00:00", "r", detail)


def of_a_month(*events: Event, dated: tuple[Dated, ...] = ()) -> Figures:
    """Of production's last 30 days."""
    return stats(events, ["production"], dated, NOW)[0]


def test_an_empty_ledger_has_no_figures() -> None:
    """Nothing is not zero seconds, and not zero per cent."""
    assert of_a_month() == Figures("production", 30, 0, 0.0, None, 0, 0, None, None)


def test_each_commit_has_its_lead_time_once() -> None:
    """From commit to live; the first release and merges say nothing, nor does what is live already."""
    at = seconds_of("2030-03-10T10:00:00+00:00")
    dated = (
        Dated(A, at - 900 * HOUR, ()),
        Dated(B, at - 30 * HOUR, (A,)),
        Dated(C, at - 10 * HOUR, (A,)),
        Dated(MERGE, at - 1, (B, C)),
        Dated(D, at + 20 * HOUR, (MERGE,)),
    )
    events = event("05T10:00", A), event("10T10:00", MERGE), event("11T10:00", D)

    found = of_a_month(*events, dated=dated)

    assert (found.releases, found.changes, found.per_week) == (3, 3, 0.7)
    assert found.lead_seconds == 10 * HOUR  # of 30, 10 and 4 hours
    assert found.failure_rate == 0


def test_what_was_rolled_back_or_failed_is_a_failure() -> None:
    """A release that failed and was taken back by its own run left nothing to be restored."""
    found = of_a_month(
        event("05T10:00", A),
        event("06T10:00", B),
        event("06T12:00", A, kind="rollback", bad=B),
        event("07T10:00", C, "failed", live=A),
        event("08T10:00", D, "failed", live=D),
        event("08T16:00", A, kind="rollback"),
        event("09T10:00", D, "error"),
        event("09T11:00", D),
    )

    assert (found.releases, found.changes, found.failed, found.failure_rate) == (3, 5, 3, 0.6)
    assert found.restore_seconds == 4 * HOUR  # of 2 and 6 hours


def test_a_later_rollback_blames_only_the_release_that_was_live() -> None:
    """And what is older than the period counts in the longer one."""
    events = event("01T10:00", A), event("02T10:00", B), event("20T10:00", A, kind="rollback", bad=C)
    month, quarter, _year = stats(events, ["production"], (), "2030-04-01T00:00:00+00:00")

    assert (month.releases, month.failed) == (1, 0)
    assert (quarter.releases, quarter.failed) == (2, 0)
    assert stats(events, ["staging"], (), NOW)[0].changes == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (12.0, "12 s"),
        (90.0, "1.5 min"),
        (2400.0, "40 min"),
        (5 * HOUR, "5 h"),
        (8.64e6, "100 d"),
    ],
)
def test_a_length_of_time_is_readable(seconds: float | None, said: str) -> None:
    """In the unit that fits."""
    assert span(seconds) == said
