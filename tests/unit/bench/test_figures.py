"""Medians, spreads, ratios and exponents."""

from __future__ import annotations

import math

import pytest

from tests.bench.figures import Spread, each_more, exponent, pairs, ratio, spread


def test_a_spread_is_the_median_with_its_quartiles() -> None:
    """One value is its own spread; of nothing there is none."""
    assert spread([3.0, 1.0, 2.0, 5.0, 4.0]) == Spread(3.0, 2.0, 4.0, 5)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.25, 1.75, 2)
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0, 1)
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_a_ratio_is_taken_of_each_pair() -> None:
    """A slow turn slows both, and does not change their ratio; the ratio of the medians is another."""
    mine, other = [2.0, 20.0, 3.0], [1.0, 10.0, 3.0]

    assert pairs(mine, other, ratio) == Spread(2.0, 1.5, 2.0, 3)
    assert pairs(mine, [], ratio) is None
    assert ratio(1.0, 0.0) == math.inf
    with pytest.raises(ValueError, match="shorter"):
        pairs(mine, [1.0], ratio)


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    """Whatever the factor before it is."""
    points = [(size, 0.003 * size**power) for size in (10.0, 200.0, 2_000.0, 10_000.0)]

    assert exponent(points) == pytest.approx(power)


def test_what_one_more_costs_leaves_the_constant_part_out() -> None:
    """From the smallest to the largest, in whatever order they come."""
    assert each_more([(10_000.0, 0.68), (10.0, 0.3803)]) == pytest.approx(30e-6, rel=0.01)
