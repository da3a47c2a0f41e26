"""The verdict on a load test: every false green is caught, and a good run passes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from scripts.config.load_settings import Limits, Stage
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.verdict import Conditions, judge
from tests.unit.quality.load.runs import report, run

COMMIT, OLD = "a" * 40, "b" * 40
CLOSED = LoadPlan("steady", "closed", 10, 1, (Stage(20),), writes=True)
OPEN = LoadPlan("steady", "open", 20, 1, (Stage(20),), writes=True)
GOOD = Conditions(CLOSED, Limits(p95=1000, failures=0.001), {}, COMMIT, (COMMIT,))


def test_a_good_run_passes() -> None:
    """Everything was measured, and all thresholds hold."""
    verdict = judge(run(), GOOD)

    assert (verdict.name, verdict.reasons) == ("passed", ())
    assert [check.broken for check in verdict.checks] == [False, False]


DOUBTS = {
    "zero requests": (run(report(n=0)), GOOD, "not one request"),
    "a worker lost": (run(workers={"expected": 2, "reported": 1}), GOOD, "1 of 2 workers were lost"),
    "the only worker lost": (
        run(report(n=0), workers={"expected": 1, "reported": 0}, complete=False),
        GOOD,
        "1 of 1 workers were lost",
    ),
    "broken off": (run(complete=False), GOOD, "not played to its end"),
    "endpoint renamed": (
        run(),
        replace(GOOD, by_endpoint={"front": Limits(p95=500)}),
        "front requests: nothing, at least 1",
    ),
    "too few for a p99": (run(report(n=200)), replace(GOOD, limits=Limits(p99=1000)), "200 of 299"),
    "an old commit": (run(), replace(GOOD, served=(OLD,)), f"`{OLD[:12]}` is served"),
    "redeployed": (run(), replace(GOOD, served=(COMMIT, OLD)), "redeployed in the middle"),
    "no version": (run(), replace(GOOD, served=()), "nobody can say which commit"),
    "too few users": (run(peak_users=5), GOOD, "only 5 of 10 users"),
    "under the rate": (run(report(n=340)), replace(GOOD, plan=OPEN), "only 340 of 400 requests"),
    "not alone": (run(), replace(GOOD, alone=False), "another load test took over"),
    "generator busy": (run(report(cpu=[0.99] * 20)), GOOD, "the generator was at its limit"),
    "one busy of two": (
        run(report(), report(cpu=[0.99] * 20), workers={"expected": 2, "reported": 2}),
        GOOD,
        "the generator was at its limit",
    ),
    "generator late": (run(report(lag={"200000": 40})), GOOD, "200 ms late"),
    "log-in failed": (run(report(logins={"failed": 1})), GOOD, "1 log-ins failed"),
    "log-ins limited": (run(report(logins={"limited": 3})), GOOD, "refused with 429"),
    "a bug": (run(report(faults={"KeyError: 'id'": 2})), GOOD, "a journey has a bug (2 times)"),
    "stopped": (
        run(
            report(n=0),
            complete=False,
            workers={"expected": 2, "reported": 0},
            aborted=["lost", "1 of 2 workers were lost in the middle, after 90 requests"],
        ),
        GOOD,
        "1 of 2 workers were lost in the middle, after 90 requests",
    ),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_a_doubt_is_inconclusive(case: str) -> None:
    """No data, or data that can't be trusted, is never a pass."""
    measurements, conditions, reason = DOUBTS[case]

    verdict = judge(measurements, conditions)

    assert verdict.name == "inconclusive"
    assert reason in "; ".join(verdict.reasons)


FAILURES = {
    "one of 260": (run(report(n=260, failed=1)), GOOD, "failures"),
    "1,049 ms": (run(report(ms=1049)), GOOD, "total p95: 1049 ms, at most 1000 ms"),
    "one endpoint": (run(), replace(GOOD, by_endpoint={"home": Limits(p50=99)}), "home p50"),
    "too slow a rate": (
        run(),
        replace(GOOD, limits=Limits(rate=21)),
        "total rate: 20/s, at least 21/s",
    ),
    "dropped": (
        run(report(counts={"planned": 400, "dropped": 4})),
        replace(GOOD, plan=OPEN, limits=Limits(dropped=0.001)),
        "total dropped: 1 %, at most 0.1 % wanted",
    ),
    "hopeless": (
        run(complete=False, aborted=["threshold", "60% failed"]),
        GOOD,
        "stopped early: 60% failed",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_broken_threshold_fails(case: str) -> None:
    """The reason names the measured value and the limit."""
    measurements, conditions, reason = FAILURES[case]

    verdict = judge(measurements, conditions)

    assert verdict.name == "failed"
    assert reason in "; ".join(verdict.reasons)


@pytest.mark.parametrize("doubt", ["endpoint renamed", "generator late", "log-in failed"])
def test_what_is_broken_fails_whatever_else_is_in_doubt(doubt: str) -> None:
    """Both are told; but nothing is failed where nobody can say what was served."""
    measurements, conditions, reason = DOUBTS[doubt]
    limits = Limits(p95=50, failures=0.001)
    verdict = judge(measurements, replace(conditions, limits=limits))
    other = judge(measurements, replace(conditions, limits=limits, served=(OLD,)))

    assert verdict.name == "failed"
    assert verdict.reasons[0] == "total p95: 100 ms, at most 50 ms wanted"
    assert reason in "; ".join(verdict.reasons[1:])
    assert other.name == "inconclusive"
    assert verdict.reasons[0] in other.reasons


@pytest.mark.parametrize("a_second", [20, 2, 1])
def test_a_freeze_of_two_seconds_fails(a_second: int) -> None:
    """Every request is sent when it is due, and waits until the freeze is over: the p95 hides it."""
    cells = []
    for second in range(300):
        due = [second - 99 + number / a_second for number in range(a_second)]  # seconds into the freeze
        waits = [int(1e6 * (2 - at)) if 0 <= at < 2 else 50_000 for at in due]
        cells.append({"name": "home", "slot": second, "failed": 0, "buckets": Counter(map(str, waits))})
    measured = run({**report(), "cells": cells})
    verdict = judge(measured, replace(GOOD, limits=Limits(p95=800, worst_second=900)))

    assert measured.total.percentile(0.95) == 50
    assert verdict.name == "failed"
    assert "worst_second" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("stored", "name"), [(40, "passed"), (None, "passed"), (39, "failed"), (0, "failed")]
)
def test_a_write_that_is_answered_and_not_stored_fails(stored: int | None, name: str) -> None:
    """The rows that are removed at the end are counted; a database that nobody can ask says nothing."""
    verdict = judge(run(report(created={"bookings": 30, "messages": 10})), replace(GOOD, stored=stored))

    assert verdict.name == name
    if name == "failed":
        assert f"40 writes were answered as done, and {stored} are in the database" in verdict.reasons


def test_a_write_that_is_not_allowed_is_no_unseen_endpoint() -> None:
    """Without permission to write, the thresholds of writes are left out, and the report says so."""
    conditions = replace(GOOD, plan=replace(CLOSED, writes=False), by_endpoint={"book": Limits(p95=100)})

    assert judge(run(report(left_out=["book"])), conditions).name == "passed"
    assert judge(run(), conditions).name == "inconclusive"


def test_processes_add_up() -> None:
    """The verdict is on all of them together: if half of the requests are slow, the run is."""
    both = run(report(ms=10), report(ms=2000), workers={"expected": 2, "reported": 2})

    assert both.total.count == 800
    assert judge(both, GOOD).name == "failed"


def test_a_regression_fails() -> None:
    """Even if all thresholds hold."""
    slower = Comparison("home", "p95", 100, 130, 15)

    verdict = judge(run(), GOOD, (slower, replace(slower, after=110)))

    assert (verdict.name, len(verdict.reasons)) == ("failed", 1)
    assert verdict.reasons[0].startswith("regression of `home`: typical p95 100 -> 130 ms (+30%)")


def test_a_run_stopped_early_on_another_commit_is_inconclusive() -> None:
    """What was hopeless was not the commit under test."""
    stopped = run(complete=False, aborted=["threshold", "60% failed"])

    assert judge(stopped, replace(GOOD, served=(OLD,))).name == "inconclusive"
