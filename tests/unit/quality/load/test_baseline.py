"""A run against an earlier one: noise, hiccups and regressions."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.quality.load.baseline import Comparison, compare, not_comparable, summary
from scripts.quality.load.result import Measurements
from tests.unit.quality.load.runs import report, run


def comparisons(before: Measurements, after: Measurements) -> dict[str, Comparison]:
    """The second run against the first, with the default noise; by percentile."""
    return {row.what: row for row in compare(summary(before), summary(after), 0.15, 5)}


@pytest.mark.parametrize(
    ("before", "after", "regression"),
    [
        (100, 130, True),
        (100, 112, False),
        (100, 60, False),
        (2, 6, False),
        (2, 9.1, True),
    ],
)
def test_slower_than_noise_explains_is_a_regression(before: float, after: float, regression: bool) -> None:
    """15 % or 5 ms."""
    rows = comparisons(run(report(ms=before)), run(report(ms=after)))

    assert [row.is_regression for row in rows.values()] == [regression] * 2
    assert rows["p50"].change == pytest.approx(after / before - 1)


def test_a_hiccup_is_no_regression() -> None:
    """Two slow seconds of twenty move the p95 of the whole run, not the typical one."""
    slow = report()
    for cell in slow["cells"][4:6]:
        cell["buckets"] = {"900000": 20}

    assert run(slow).total.percentile(0.95) == 900
    assert not comparisons(run(), run(slow))["p95"].is_regression


def test_a_later_clock_widens_the_band() -> None:
    """The generator's own lateness is in every latency that it measures."""
    late = comparisons(run(), run(report(ms=130, lag={"41000": 400})))

    assert late["p95"].band == pytest.approx(15 + 40)
    assert not late["p95"].is_regression


def test_scattered_parts_widen_the_band() -> None:
    """Four standard errors of the two medians, where that is more than the noise."""
    scattered = report(n=2000)
    for number, cell in enumerate(scattered["cells"]):
        cell["buckets"] = {str(50_000 * (1 + number // 2)): 100}

    assert comparisons(run(scattered), run(scattered))["p50"].band > 0.15 * 275


@pytest.mark.parametrize(
    "odd", [{}, {"endpoints": 7}, {"endpoints": {"home": "fast"}}, {"endpoints": {"home": {"parts": "x"}}}]
)
def test_a_damaged_baseline_is_no_crash(odd: dict[str, Any]) -> None:
    """The ledger may contain anything."""
    assert compare(odd, summary(run()), 0.15, 5) == ()


def test_endpoints_with_too_few_requests_are_named() -> None:
    """They are not compared, now or later."""
    short = summary(run(report(n=40)))

    assert not_comparable(short) == ("home",)
    assert compare(short, short, 0.15, 5) == ()
    assert not_comparable(summary(run())) == ()
