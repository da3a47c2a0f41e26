"""What an answer means; pure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scripts.config.monitor_settings import Monitor, MonitorCheck
from scripts.http import Response
from scripts.monitor import judge
from scripts.monitor.checks import Look
from scripts.monitor.judge import Figures
from scripts.replit.live import Answer
from scripts.state.ledger import Event
from scripts.state.lock import Lock
from scripts.system.connection import Certificate

A, B = "a" * 40, "b" * 40
NOW = "2030-01-10T00:00:00+00:00"
RELEASED = Event("production", "release", "done", "v41", A, "Ada", "2030-01-09T00:00:00+00:00", "r1")
LOCK = Lock("a" * 12, "n", "Bob", "ci", "promote", "production", A, "2030-01-09T23:30:00+00:00", ttl=90.0)


def answer(body: Any, status: int = 200) -> Response:
    """An answer with that text, or JSON document."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Response(status, {}, text.encode(), complete=True)


@pytest.mark.parametrize(
    ("wanted", "response", "why"),
    [
        ({}, answer("hello"), ""),
        ({}, answer("", 204), ""),
        ({}, answer("", 500), "it answers 500"),
        ({}, answer("", 301), "it answers 301"),
        ({"status": 301}, answer("", 301), ""),
        ({"status": 401}, answer("", 200), "it answers 200, not 401"),
        ({"contains": "Book"}, answer("<h1>Book now</h1>"), ""),
        ({"contains": "Book"}, answer("<h1>Error</h1>"), "its answer lacks `Book`"),
        ({"json": "status", "equals": "ok"}, answer({"status": "ok"}), ""),
        ({"json": "up", "equals": "true"}, answer({"up": True}), ""),
        ({"json": "n", "equals": "1"}, answer({"n": 1}), ""),
        ({"json": "status", "equals": "ok"}, answer({"status": "down"}), "`status` is `down`, not `ok`"),
        ({"json": "data.0.id"}, answer({"data": [{"id": 7}]}), ""),
        ({"json": "data.0.id"}, answer({"data": []}), "its JSON has no `data.0.id`"),
        ({"json": "a.b"}, answer({"a": 1}), "its JSON has no `a.b`"),
        ({"json": "a"}, answer("<html>"), "its answer is no JSON"),
        ({"min_rows": 1}, answer([{"id": 1}]), ""),
        ({"min_rows": 2}, answer([{"id": 1}]), "1 rows, not 2 or more"),
        (
            {"min_rows": 1},
            answer([]),
            "0 rows, not 1 or more: a policy may hide them (PostgREST answers 200 with `[]`)",
        ),
        ({"min_rows": 1}, answer({"message": "x"}), "its JSON is no list"),
        ({"json": "data", "min_rows": 1}, answer({"data": [1]}), ""),
    ],
)
def test_an_answer_is_what_its_table_says(wanted: dict[str, Any], response: Response, why: str) -> None:
    """Status, content, the value at a path, and how many rows there are."""
    look = judge.page(MonitorCheck("x", **wanted), response)

    assert (look.level, look.why) == ("bad" if why else "good", why)


def test_a_long_answer_is_not_called_broken() -> None:
    """It was cut off by us."""
    assert judge.page(MonitorCheck("x", json="a"), Response(200, {}, b'{"a')).why == (
        "its answer is too long to be read"
    )


def test_a_good_answer_may_be_slow() -> None:
    """A bad one is bad, however quick."""
    assert judge.pace(Look("good", seconds=3.2), 3).why == "slow: 3.2 s, more than 3 s"
    assert judge.pace(Look("good", seconds=2.9), 3).level == "good"
    assert judge.pace(Look("bad", "x", seconds=9), 3) == Look("bad", "x", seconds=9)


@pytest.mark.parametrize(
    ("served", "level", "why"),
    [
        (Answer(200, A, "production"), "good", f"v41 `{A[:12]}`"),
        (
            Answer(200, B, "production"),
            "bad",
            f"`{B[:12]}` answers, not `{A[:12]}` (v41): somebody published something else",
        ),
        (Answer(None, error="timed out"), "bad", "nobody answers: timed out"),
        (Answer(200, A, "staging"), "bad", "it says that it is `staging`, not `production`"),
        (Answer(302, login=True, error="it is private"), "bad", "a log-in answers: it is private"),
    ],
)
def test_the_commit_is_that_of_the_ledger(served: Answer, level: str, why: str) -> None:
    """Whatever else was published is named."""
    look = judge.commit(served, RELEASED, "production")

    assert (look.level, look.why) == (level, why)
    assert judge.commit(served, None, "production").level == "unknown"


@pytest.mark.parametrize(
    ("shown", "level", "why"),
    [
        (Certificate(30 * judge.DAY), "good", "ends in 30 days"),
        (Certificate(27.9 * judge.DAY), "warn", "ends in 27 days"),
        (Certificate(13.5 * judge.DAY), "bad", "ends in 13 days"),
        (Certificate(refused="it has expired"), "bad", "the certificate is refused: it has expired"),
        (Certificate(unseen="timed out"), "unknown", "no certificate was shown: timed out"),
    ],
)
def test_a_certificate_ends_with_a_warning_first(shown: Certificate, level: str, why: str) -> None:
    """Twice as early as the alarm."""
    look = judge.certificate(shown, 0.0, 14)

    assert look.level == level
    assert why in look.why


def test_a_database_has_limits() -> None:
    """Connections, the longest query, size."""
    rules, well = Monitor(database_gb=2), Figures(10, 60, 5.0, 10**9)

    assert [judge.connections(well, rules).level, judge.queries(well, rules).level] == ["good", "good"]
    assert judge.connections(well._replace(used=48), rules).why == "48 of 60 connections are in use"
    assert judge.queries(well._replace(query=1200.0), rules).why == "a query runs for 20 min"
    assert judge.size(well, rules).level == "good"
    assert (
        judge.size(well._replace(bytes=3 * 1024**3), rules).why == "the database has 3.00 GB, more than 2"
    )
    assert judge.size(well._replace(bytes=3 * 1024**3), Monitor()).level == "good"


@pytest.mark.parametrize(
    ("still", "minutes", "level"), [(10.0, 60, "good"), (91.0, 60, "bad"), (10.0, 29, "bad")]
)
def test_a_lock_is_trouble_when_its_run_is_dead_or_takes_too_long(
    still: float, minutes: float, level: str
) -> None:
    """By the monitor's own clock, whatever the owner's says."""
    assert judge.held(LOCK, NOW, minutes, still).level == level


def test_a_lock_that_no_desk_wrote_is_trouble() -> None:
    """It has no time."""
    assert judge.held(replace(LOCK, acquired_at=""), NOW, 60, 0).level == "bad"


@pytest.mark.parametrize(
    ("statuses", "challenge", "why"),
    [
        ((200, 403, 401), "c", ""),
        ((200, 403, 401), "other", "the handshake fails"),
        ((403, 403, 401), "c", "the handshake fails"),
        ((200, 200, 401), "c", "a wrong verify token is not refused"),
        ((200, 403, 200), "c", "a delivery with a wrong signature is not refused"),
        ((200, 403, 500), "c", "a delivery with a wrong signature is not refused"),
    ],
)
def test_a_webhook_takes_only_what_is_metas(statuses: tuple[int, ...], challenge: str, why: str) -> None:
    """The right handshake is answered; a wrong one, and what is not signed, is refused."""
    right, wrong, unsigned = (answer(challenge, status) for status in statuses)

    assert judge.whatsapp(right, wrong, unsigned, "c").why.startswith(why)
    assert (judge.whatsapp(right, wrong, unsigned, "c").level == "good") is not bool(why)


def test_services_and_functions_answer() -> None:
    """A refused key is an answer; a fault of the server is none."""
    assert [judge.health(answer("", status)).level for status in (200, 401, 404, 503)] == [
        *("good", "good", "bad", "bad")
    ]
    assert [judge.edge_function(answer("", status)).level for status in (200, 204, 404, 500)] == [
        *("good", "good", "bad", "bad")
    ]


def test_drills_have_an_age() -> None:
    """And must have passed."""
    proof = replace(RELEASED, kind="proof", at="2030-01-01T00:00:00+00:00")

    assert judge.drill(proof, NOW, 10).level == "good"
    assert judge.drill(proof, NOW, 8).why == "the last drill is 9 days old; 8 are allowed"
    assert judge.drill(replace(proof, ending="failed"), NOW, 10).level == "warn"
    assert judge.drill(None, NOW, 10).level == "warn"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([], None), ([1.0], (1.0, 1.0)), ([3.0, 1.0, 2.0], (2.0, 3.0)), (list(range(1, 101)), (50, 95))],
)
def test_percentiles_are_of_the_nearest_rank(seconds: list[float], expected: Any) -> None:
    """Of what was measured, never between two values."""
    assert judge.percentiles(seconds) == expected
