"""The generator's document as measurements; percentiles over latency buckets."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.quality.load.result import Series, merge, parse_result, percentile, samples_needed, size
from tests.unit.quality.load.runs import document, report


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_that_of_the_sorted_samples(samples: list[int], share: float) -> None:
    """The nearest rank, whatever the number of samples."""
    buckets = merge({sample: 1} for sample in samples)
    exact = sorted(samples)[max(1, math.ceil(share * len(samples) - 1e-9)) - 1] / 1000

    assert exact == percentile(buckets, share)
    assert len(samples) == size(buckets)


def test_without_samples_there_is_no_percentile() -> None:
    """Not 0."""
    assert percentile({}, 0.95) is None


def test_how_many_samples_a_percentile_needs() -> None:
    """With fewer, the slow requests were probably never made."""
    assert (samples_needed(0.5), samples_needed(0.95), samples_needed(0.99)) == (5, 59, 299)


def test_reports_of_several_processes_add_up() -> None:
    """Latencies, failures, counts, errors; the busiest process stands for all."""
    one = report(ms=10, n=20, failed=1, counts={"planned": 20, "dropped": 1}, cpu=[0.1, 0.2])
    two = report(ms=30, n=20, counts={"planned": 20}, cpu=[0.5, 0.7], left_out=["book"])
    one["errors"] = two["errors"] = [{"name": "home", "error": "answered 500", "count": 2}]
    run = parse_result(document(one, two), "r")

    assert (run.total.count, run.total.failed, run.total.failure_ratio) == (40, 1, 1 / 40)
    assert (run.total.percentile(0.5), run.total.percentile(1.0)) == (10.0, 30.0)
    assert (run.planned, run.dropped, run.cpu) == (40, 1, (0.5, 0.7))
    assert run.errors == {("home", "answered 500"): 4}
    assert (run.left_out, sorted(run.endpoints)) == (("book",), ["home"])


def test_a_process_that_did_not_finish_makes_the_run_incomplete() -> None:
    """Even if the master says that all is complete."""
    assert not parse_result(document(report(), report(finished=False)), "r").complete


def test_parts_have_enough_samples_each() -> None:
    """Ten parts of a long run, fewer of a short one, none of too few samples."""
    slots = {n: {(n + 1) * 1000: 50} for n in range(20)}

    assert Series(slots, {}).percentile_by_part(0.95) == [float(n) for n in range(2, 21, 2)]
    assert len(Series({n: {1000: 5} for n in range(8)}, {}).percentile_by_part(0.95)) == 2
    assert Series({0: {1000: 19}}, {}).percentile_by_part(0.95) == []


@pytest.mark.parametrize(
    "odd",
    [{}, {"format": 2}, {"format": 1, "run": "r", "reports": 3}, {"format": 1, "run": "x", "reports": []}],
)
def test_another_document_is_refused(odd: dict[str, Any]) -> None:
    """A document of another run or format is no result."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse_result(odd, "r")
