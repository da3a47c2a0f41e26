# pure
"""Medians, spreads, ratios and exponents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """What was measured: the median, and the quartiles around it."""

    median: float
    low: float
    high: float
    number: int


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("nothing was measured")
    low, median, high = (
        statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    )
    return Spread(median, low, high, len(values))


def pairs(
    mine: Sequence[float], other: Sequence[float], how: Callable[[float, float], float]
) -> Spread | None:
    """What each pair of one turn says, such as its ratio; None where nothing stands beside."""
    found = [how(one, two) for one, two in zip(mine, other, strict=bool(other))]
    return spread(found) if found else None


def ratio(one: float, two: float) -> float:
    """How many times the other; infinite beside nothing."""
    return one / two if two else math.inf


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of a line through the points on logarithmic scales: 1 is linear, 2 quadratic.

    Args:
        points: size and seconds, of at least two sizes; both greater than 0.
    """
    return statistics.linear_regression(*zip(*[map(math.log, each) for each in points], strict=True)).slope


def each_more(points: Sequence[tuple[float, float]]) -> float:
    """Seconds that one more costs, from the smallest size to the largest."""
    (small, first), (large, last) = min(points), max(points)
    return (last - first) / (large - small)
