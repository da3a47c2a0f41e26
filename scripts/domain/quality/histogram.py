"""Latencies in buckets: how many took at most so many microseconds; merging, percentiles. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

Buckets = Mapping[int, int]


def merged(many: Iterable[Buckets]) -> Counter[int]:
    """All of them together."""
    total: Counter[int] = Counter()
    for each in many:
        total.update(each)
    return total


def size(buckets: Buckets) -> int:
    """How many samples there are."""
    return sum(buckets.values())


def percentile(buckets: Buckets, share: float) -> float | None:
    """In ms: the smallest time that this share of the samples did not exceed; None without samples."""
    return _ranked(buckets, math.ceil(share * size(buckets) - 1e-9))


def enough(share: float) -> int:
    """The fewest samples of which, nineteen times in twenty, at least one lies beyond that percentile."""
    return math.ceil(math.log(0.05) / math.log(share))


def _ranked(buckets: Buckets, rank: int) -> float | None:
    """The time of that rank, counted from 1; ranks outside are the first or the last."""
    seen = 0
    for edge in sorted(buckets):
        seen += buckets[edge]
        if seen >= max(1, rank):
            return edge / 1000
    return max(buckets) / 1000 if buckets else None
