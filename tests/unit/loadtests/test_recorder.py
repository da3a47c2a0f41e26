"""What one process of the generator measured."""

from __future__ import annotations

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
