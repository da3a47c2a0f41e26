"""What a notice says: what, since when, with which release, and what to type next."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.monitor.incidents import Incident
from scripts.monitor.messages import hint_of, line_of, of_changes
from tests.fakes.clock import START
from tests.support.tables import environment

BEGAN = START.timestamp()


def incident(check: str = "page /", **more: Any) -> Incident:
    """One that began at midnight."""
    values = {"level": "bad", "began": BEGAN, "why": "it answers 500", "release": "v41", "live_for": 180.0}
    return Incident(f"production-{check}", "production", check, **{**values, **more})


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            incident(),
            "page /: it answers 500; 00:00:00 UTC, 1 min 0 s; bad since v41, 3 min 0 s after it went live",
        ),
        (incident(release=""), "page /: it answers 500; 00:00:00 UTC, 1 min 0 s"),
        (
            incident(live_for=3 * 86_400.0),
            "page /: it answers 500; 00:00:00 UTC, 1 min 0 s; v41 had been live for 3 d",
        ),
        (
            incident(release="", ended=BEGAN + 5, flapping=3),
            "page /: it answers 500; 00:00:00 UTC, 5.0 s; it flaps: 3 incidents, each within an hour",
        ),
    ],
)
def test_a_line_says_what_since_when_and_with_which_release(made: Incident, line: str) -> None:
    """A release that is old is not accused."""
    assert line_of(made, BEGAN + 60) == line


@pytest.mark.parametrize(
    ("made", "hint"),
    [
        (incident(), "to take v41 back: `invoke rollback --env production`"),
        (incident(live_for=7200.0), "`invoke monitor.check --env production`"),
        (incident(level="warn"), "`invoke monitor.check --env production`"),
        (incident("commit"), "`invoke status`"),
        (incident("backup"), "`invoke backup --env production`"),
        (incident("lock"), "`invoke resume --env production`"),
        (incident("migrations"), "`invoke db.status --env production`"),
        (incident(ended=BEGAN), "`invoke status`"),
    ],
)
def test_a_hint_is_what_mends_it(made: Incident, hint: str) -> None:
    """By the check, and by how new the release is."""
    assert hint_of(made) == hint


def test_a_notice_counts_what_it_does_not_list() -> None:
    """Three in its title, ten in its text."""
    many = [incident(f"page /{number}") for number in range(12)]
    made = of_changes([environment("production")], many, "box", START.isoformat())

    assert made.title == "production: DOWN: `page /0`, `page /1`, `page /2` and 9 more"
    assert made.facts[0].text.splitlines()[-1] == "and 2 more checks"
    assert made.kind == "down"
