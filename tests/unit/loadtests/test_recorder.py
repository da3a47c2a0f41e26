"""What one process of the generator measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.quality.load.result import percentile
from tests.unit.loadtests.modules import load

recorder = load("recorder")


@given(st.integers(0, 600_000_000))
def test_a_bucket_is_never_below_the_truth_and_hardly_above(microseconds: int) -> None:
    """Three digits: at most 0.1 % too high."""
    edge = recorder.bucket(microseconds)

    assert microseconds <= edge <= microseconds * 1.001 + 1


@pytest.mark.parametrize(("true", "limit"), [(1049, 1000), (1001.5, 1000), (9949, 9900)])
def test_a_limit_just_below_the_truth_is_seen_to_be_broken(true: float, limit: float) -> None:
    """Locust's own rounding shows 1,049 ms as 1,000."""
    buckets = {recorder.bucket(int(true * 1000)): 200}

    measured = percentile(buckets, 0.95)

    assert measured is not None
    assert limit < measured < true * 1.001


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A recorder with 10 s of warm-up and 20 s of measurement in slots of 5 s, started at second 100."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(recorder.time, "perf_counter", lambda: now.seconds)
    made = recorder.Recorder()
    made.start({"warmup": 10, "seconds": 20, "slot": 5})
    made.now = now
    return made


def test_only_starts_after_the_warm_up_and_before_the_end_are_measured(running: Any) -> None:
    """The intended start counts, not the end of the request."""
    for start in (105, 109.9, 110, 129.9, 130):
        running.record("home", start, 3.0, None)

    report = running.report()
    assert [(cell["slot"], sum(cell["buckets"].values())) for cell in report["cells"]] == [(0, 1), (3, 1)]
    assert report["counts"] == {"warm": 2, "warm_failed": 0, "requests": 2}


def test_failures_are_counted_by_endpoint_and_reason(running: Any) -> None:
    """They are requests as well."""
    running.record("home", 111, 0.1, "answered 500")
    running.record("home", 112, 0.1, None)

    report = running.report()
    assert report["errors"] == [{"name": "home", "error": "answered 500", "count": 1}]
    assert [(cell["name"], cell["failed"]) for cell in report["cells"]] == [("home", 1)]
    assert (report["counts"]["requests"], report["counts"]["failed"]) == (2, 1)


def test_a_request_that_never_ends_counts_as_failed(running: Any) -> None:
    """An outage at the end is measured; nothing is recorded after that."""
    running.opened("home", 115)
    done = running.opened("home", 116)
    running.closed(done)
    running.opened("home", 105)  # of the warm-up
    assert not running.is_idle()
    running.now.seconds = 140
    running.finish()
    running.record("home", 117, 1.0, None)

    report = running.report()
    assert [list(cell["buckets"]) for cell in report["cells"]] == [[str(recorder.bucket(25_000_000))]]
    assert report["errors"] == [{"name": "home", "error": recorder.UNFINISHED, "count": 1}]
    assert report["finished"]


def test_progress_has_the_latencies_since_the_last_call(running: Any) -> None:
    """And all counts so far."""
    running.record("home", 111, 0.001, None)
    assert running.progress() == {"counts": {"requests": 1}, "buckets": {"1000": 1}}
    running.record("home", 112, 0.002, None)

    assert running.progress() == {"counts": {"requests": 2}, "buckets": {str(recorder.bucket(2000)): 1}}


def test_requests_under_way_are_noted_by_the_slot(running: Any) -> None:
    """The most of each; none in the warm-up, and none that was answered."""
    for second in (105, 111, 112):
        running.now.seconds = second
        running.opened("home", second)
        running.add_flying()
    for token in range(3):
        running.closed(token)
    running.now.seconds = 116
    running.add_flying()

    assert running.report()["flying"] == {"0": 3, "1": 0}


def test_arrivals_cpu_and_lag_of_the_warm_up_are_left_out(running: Any) -> None:
    """They are noise of the start."""
    for second in (105, 115):
        running.now.seconds = second
        running.add_arrival(second, dropped=True)
        running.add_cpu(0.5)
        running.add_lag(0.001)

    report = running.report()
    assert (report["counts"], report["cpu"], report["lag"]) == (
        {"planned": 1, "dropped": 1},
        [0.5],
        {"1000": 1},
    )


def test_locust_s_own_report_is_not_rounded_to_two_digits() -> None:
    """1,049 ms is not 1,000."""
    assert 1049 <= recorder.round_up(1049) < 1050.1
