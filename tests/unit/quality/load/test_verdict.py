"""The verdict on a load test: each planted false green, and what passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.load_settings import Limits, Stage
from scripts.quality.load.baseline import compare, summary
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measured, measured
from scripts.quality.load.verdict import Facts, Verdict, judge

COMMIT, OLD = "a" * 40, "b" * 40
CLOSED = LoadPlan("steady", "closed", 10, 1, (Stage(20),), writes=True)
OPEN = LoadPlan("steady", "open", 20, 1, (Stage(20),), writes=True)
FACTS = Facts(CLOSED, Limits(p95=1000, failures=0.001), {}, COMMIT, (COMMIT,))


def report(ms: float = 100, n: int = 400, failed: int = 0, **more: Any) -> dict[str, Any]:
    """What one process measured: `n` requests over 20 slots."""
    cells = [
        {
            "name": "home",
            "slot": slot,
            "failed": failed if slot == 0 else 0,
            "buckets": {str(int(ms * 1000)): n // 20},
        }
        for slot in range(20)
        if n
    ]
    return {
        "cells": cells, "errors": [], "counts": {}, "created": {}, "cpu": [0.2] * 20, "lag": {"1000": 400},
        "finished": True, "logins": {}, "left_out": [], "faults": {}, **more,
    }  # fmt: skip


def run(*reports: dict[str, Any], **more: Any) -> Measured:
    """A run of those processes."""
    document = {
        "format": 1, "run": "r", "aborted": None, "complete": True, "peak_users": 10,
        "workers": {"expected": 1, "reported": 1}, "reports": list(reports or (report(),)), **more,
    }  # fmt: skip
    return measured(document, "r")


def test_a_good_run_passes() -> None:
    """All is there, and all thresholds hold."""
    verdict = judge(run(), FACTS)

    assert ("passed", ()) == (verdict.word, verdict.reasons)
    assert [False, False] == [check.broken for check in verdict.checks]


DOUBTS = {
    "zero requests": (run(report(n=0)), FACTS, "not one request"),
    "a worker lost": (run(workers={"expected": 2, "reported": 1}), FACTS, "1 of 2 workers were lost"),
    "the only worker lost": (
        run(report(n=0), workers={"expected": 1, "reported": 0}, complete=False),
        FACTS,
        "1 of 1 workers were lost",
    ),
    "broken off": (run(complete=False), FACTS, "not played to its end"),
    "endpoint renamed": (
        run(),
        replace(FACTS, by_endpoint={"front": Limits(p95=500)}),
        "front requests: nothing, at least 1",
    ),
    "too few for a p99": (run(report(n=200)), replace(FACTS, limits=Limits(p99=1000)), "200 of 299"),
    "an old commit": (run(), replace(FACTS, served=(OLD,)), f"`{OLD[:12]}` is served"),
    "redeployed": (run(), replace(FACTS, served=(COMMIT, OLD)), "redeployed in the middle"),
    "no version": (run(), replace(FACTS, served=()), "nobody can say which commit"),
    "too few users": (run(peak_users=5), FACTS, "only 5 of 10 users"),
    "under the rate": (run(report(n=340)), replace(FACTS, plan=OPEN), "only 340 of 400 requests"),
    "generator busy": (run(report(cpu=[0.99] * 20)), FACTS, "the generator was at its limit"),
    "one busy of two": (
        run(report(), report(cpu=[0.99] * 20), workers={"expected": 2, "reported": 2}),
        FACTS,
        "the generator was at its limit",
    ),
    "generator late": (run(report(lag={"200000": 40})), FACTS, "200 ms late"),
    "log-in failed": (run(report(logins={"failed": 1})), FACTS, "1 log-ins failed"),
    "log-ins limited": (run(report(logins={"limited": 3})), FACTS, "refused with 429"),
    "a bug": (run(report(faults={"KeyError: 'id'": 2})), FACTS, "a journey has a bug (2 times)"),
    "stopped": (
        run(complete=False, aborted=["lost", "1 of 2 workers lost in the middle"]),
        FACTS,
        "1 of 2",
    ),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_what_is_in_doubt_is_inconclusive(case: str) -> None:
    """No data, or data that can't be trusted, is never a pass."""
    found, facts, said = DOUBTS[case]

    verdict = judge(found, facts)

    assert "inconclusive" == verdict.word
    assert said in "; ".join(verdict.reasons)


FAILURES = {
    "one of 260": (run(report(n=260, failed=1)), FACTS, "failures"),
    "1,049 ms": (run(report(ms=1049)), FACTS, "total p95: 1049 ms, at most 1000 ms"),
    "one endpoint": (run(), replace(FACTS, by_endpoint={"home": Limits(p50=99)}), "home p50"),
    "too slow a rate": (run(), replace(FACTS, limits=Limits(rate=21)), "total rate: 20/s, at least 21/s"),
    "dropped": (
        run(report(counts={"planned": 400, "dropped": 4})),
        replace(FACTS, plan=OPEN, limits=Limits(dropped=0.001)),
        "total dropped: 0.01",
    ),
    "hopeless": (
        run(complete=False, aborted=["threshold", "60% failed"]),
        FACTS,
        "stopped early: 60% failed",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_broken_threshold_fails(case: str) -> None:
    """And it is named, with what was measured and what was wanted."""
    found, facts, said = FAILURES[case]

    verdict = judge(found, facts)

    assert "failed" == verdict.word
    assert said in "; ".join(verdict.reasons)


def test_what_may_not_write_is_no_unseen_endpoint() -> None:
    """Where no writes are allowed, the threshold of a write can't be judged, and the report says so."""
    facts = replace(FACTS, plan=replace(CLOSED, writes=False), by_endpoint={"book": Limits(p95=100)})

    assert "passed" == judge(run(report(left_out=["book"])), facts).word
    assert "inconclusive" == judge(run(), facts).word


def test_processes_add_up() -> None:
    """The verdict is over all of them together: half of it slow is slow."""
    both = run(report(ms=10), report(ms=2000), workers={"expected": 2, "reported": 2})

    assert 800 == both.total.count
    assert "failed" == judge(both, FACTS).word


def compared(before: Measured, after: Measured) -> Verdict:
    """The second run against the first."""
    return judge(after, FACTS, compare(summary(before), summary(after), 0.15, 5))


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (100, 130, "failed"),
        (100, 112, "passed"),
        (100, 60, "passed"),
        (2, 6, "passed"),
        (2, 9.1, "failed"),
    ],
)
def test_slower_than_noise_explains_is_a_regression(before: float, after: float, word: str) -> None:
    """15 % or 5 ms, plus the 1 ms by which the generator was late."""
    verdict = compared(run(report(ms=before)), run(report(ms=after)))

    assert word == verdict.word
    assert (word == "failed") == ("regression of `home`" in "".join(verdict.reasons))


def test_a_hiccup_is_no_regression() -> None:
    """Two of twenty seconds at ten times the latency move the p95 of the whole, not the typical one."""
    slow = report()
    for cell in slow["cells"][4:6]:
        cell["buckets"] = {"900000": 20}

    verdict = compared(run(), run(slow))

    assert 900 == run(slow).total.at(0.95)
    assert "passed" == verdict.word


def test_a_baseline_of_another_hand_is_no_crash() -> None:
    """The ledger may hold anything."""
    for odd in (
        {},
        {"endpoints": 7},
        {"endpoints": {"home": "fast"}},
        {"endpoints": {"home": {"parts": "x"}}},
    ):
        assert () == compare(odd, summary(run()), 0.15, 5)


@pytest.mark.parametrize(
    "odd",
    [{}, {"format": 2}, {"format": 1, "run": "r", "reports": 3}, {"format": 1, "run": "x", "reports": []}],
)
def test_another_document_is_refused(odd: dict[str, Any]) -> None:
    """A result that is not this run's is no result."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        measured(odd, "r")
