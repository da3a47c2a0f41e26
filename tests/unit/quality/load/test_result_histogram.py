"""Latencies in buckets."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.quality.load.result import enough, merged, percentile, size

ROOT = Path(__file__).resolve().parents[4]


def _loaded(name: str) -> ModuleType:
    """A module of `loadtests/` that needs no Locust."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "loadtests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bucket = _loaded("recorder").bucket


@given(st.integers(0, 600_000_000))
def test_a_bucket_is_never_below_the_truth_and_hardly_above(microseconds: int) -> None:
    """Three digits: at most 0.1 % too high."""
    edge = bucket(microseconds)

    assert microseconds <= edge <= microseconds * 1.001 + 1


@pytest.mark.parametrize(("true", "limit"), [(1049, 1000), (1001.5, 1000), (9949, 9900)])
def test_a_limit_just_below_the_truth_is_seen_to_be_broken(true: float, limit: float) -> None:
    """Locust's own rounding shows 1,049 ms as 1,000."""
    buckets = {bucket(int(true * 1000)): 200}

    found = percentile(buckets, 0.95)

    assert found is not None
    assert limit < found < true * 1.001


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_the_one_of_the_sorted_samples(samples: list[int], share: float) -> None:
    """The nearest rank, whatever the number of samples."""
    buckets = merged({each: 1} for each in samples)
    exact = sorted(samples)[max(1, math.ceil(share * len(samples) - 1e-9)) - 1] / 1000

    assert exact == percentile(buckets, share)
    assert len(samples) == size(buckets)


def test_nothing_has_no_percentile() -> None:
    """No data is no number."""
    assert percentile({}, 0.95) is None


def test_how_many_samples_a_percentile_needs() -> None:
    """With fewer, the slow ones were likely never met."""
    assert (5, 59, 299) == (enough(0.5), enough(0.95), enough(0.99))
