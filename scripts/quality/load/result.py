# pure
"""What a load test measured, read from the generator's own document; percentiles over latency buckets."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PARTS = 10  # parts of a run; the median over them is robust against a hiccup of the machine
MIN_PART_SAMPLES = 20
MIN_SECOND_SAMPLES = 3
Buckets = Mapping[int, int]  # number of samples by upper edge, in microseconds


def merge(many: Iterable[Buckets]) -> Counter[int]:
    """The sum of histograms."""
    total: Counter[int] = Counter()
    for buckets in many:
        total.update(buckets)
    return total


def size(buckets: Buckets) -> int:
    """The number of samples."""
    return sum(buckets.values())


def percentile(buckets: Buckets, share: float) -> float | None:
    """The smallest time in ms that this share of the samples did not exceed; None without samples."""
    rank = max(1, math.ceil(share * size(buckets) - 1e-9))
    seen = 0
    for edge in sorted(buckets):
        seen += buckets[edge]
        if seen >= rank:
            return edge / 1000
    return max(buckets) / 1000 if buckets else None


def samples_needed(share: float) -> int:
    """The fewest samples of which at least one lies beyond that percentile, with 95 % probability."""
    return math.ceil(math.log(0.05) / math.log(share))


@dataclass(frozen=True)
class Series:
    """One endpoint, or all of them: latencies and failures by the second in which a request was due."""

    slots: Mapping[int, Buckets]
    failed_in: Mapping[int, int]
    count: int = field(init=False)
    failed: int = field(init=False)
    buckets: Buckets = field(init=False, repr=False)

    def __post_init__(self) -> None:
        buckets = merge(self.slots.values())
        object.__setattr__(self, "buckets", buckets)
        object.__setattr__(self, "count", size(buckets))
        object.__setattr__(self, "failed", sum(self.failed_in.values()))

    def percentile(self, share: float) -> float | None:
        """A percentile of the whole run, in ms."""
        return percentile(self.buckets, share)

    @property
    def failure_ratio(self) -> float:
        """Failed requests out of all."""
        return self.failed / self.count if self.count else 0.0

    def worst_second(self) -> float | None:
        """The highest median of a second, in ms; of more seconds where one has too few requests."""
        slots = sorted(self.slots)
        medians = []
        for start in range(len(slots)):
            part = Counter[int]()
            for slot in slots[start:]:
                part.update(self.slots[slot])
                if part.total() >= MIN_SECOND_SAMPLES:
                    medians.append(percentile(part, 0.5) or 0.0)
                    break
        return max(medians, default=None)

    def grouped(self, slots: int) -> Series:
        """The same with so many slots in one."""
        parts: dict[int, Counter[int]] = {}
        failed: Counter[int] = Counter()
        for slot, buckets in self.slots.items():
            parts.setdefault(slot // slots, Counter()).update(buckets)
        for slot, number in self.failed_in.items():
            failed[slot // slots] += number
        return Series(parts, failed)

    def percentile_by_part(self, share: float) -> list[float]:
        """A percentile of each of up to ten consecutive parts, in ms. Every part has enough samples."""
        wanted = max(MIN_PART_SAMPLES, self.count / PARTS)
        values, part = [], Counter[int]()
        for slot in sorted(self.slots):
            part.update(self.slots[slot])
            if part.total() >= wanted:
                values.append(percentile(part, share))
                part = Counter()
        return [value for value in values if value is not None]


@dataclass(frozen=True)
class Measurements:
    """Everything that a run measured.

    Args:
        aborted: `lost` or `threshold`, and why; None if the plan was played to its end.
        cpu: share of a core in each second, of the busiest process.
        lag: how late the generator's own clock was, in microseconds.
        planned, dropped: arrivals of the open model.
        created: rows that the app said it had stored.
        users, flying: by the second, how many users there were, and how many requests waited for an answer.
    """

    endpoints: Mapping[str, Series]
    total: Series
    errors: Mapping[tuple[str, str], int]
    complete: bool
    aborted: tuple[str, str] | None
    workers_expected: int
    workers_reported: int
    peak_users: int
    cpu: tuple[float, ...]
    lag: Buckets
    planned: int
    dropped: int
    logins: Mapping[str, int]
    faults: Mapping[str, int]
    left_out: tuple[str, ...]
    created: int = 0
    users: Mapping[int, int] = field(default_factory=dict)
    flying: Mapping[int, int] = field(default_factory=dict)

    @property
    def busiest(self) -> float | None:
        """The share of a core that the busiest process stayed below in nine of ten seconds."""
        return statistics.quantiles(self.cpu, n=10)[-1] if len(self.cpu) > 1 else next(iter(self.cpu), None)


def parse_result(document: Mapping[str, Any], run: str) -> Measurements:
    """Read the document that the generator left for this run.

    Raises:
        ValueError, KeyError, TypeError: it is not one.
    """
    reports = document["reports"]
    if document["format"] != 1 or document["run"] != run or not isinstance(reports, list):
        raise ValueError("an unknown format, or another run's")
    cells = [cell for report in reports for cell in report["cells"]]
    counts = _sum(reports, "counts")
    errors: Counter[tuple[str, str]] = Counter()
    for error in (error for report in reports for error in report["errors"]):
        errors[str(error["name"]), str(error["error"])] += int(error["count"])
    cpus = [tuple(float(share) for share in report["cpu"]) for report in reports if report["cpu"]]
    aborted = document["aborted"]
    return Measurements(
        endpoints={
            name: _series([cell for cell in cells if cell["name"] == name])
            for name in sorted({str(cell["name"]) for cell in cells})
        },
        total=_series(cells),
        errors=errors,
        complete=bool(document["complete"]) and all(report["finished"] for report in reports),
        aborted=(str(aborted[0]), str(aborted[1])) if aborted else None,
        workers_expected=int(document["workers"]["expected"]),
        workers_reported=int(document["workers"]["reported"]),
        peak_users=int(document["peak_users"]),
        cpu=max(cpus, key=statistics.fmean, default=()),
        lag=merge(_buckets(report["lag"]) for report in reports),
        planned=counts["planned"],
        dropped=counts["dropped"],
        logins=_sum(reports, "logins"),
        faults=_sum(reports, "faults"),
        created=sum(_sum(reports, "created").values()),
        users=_buckets(document.get("users", {})),
        flying=merge(_buckets(report.get("flying", {})) for report in reports),
        left_out=tuple(sorted({name for report in reports for name in report["left_out"]})),
    )


def _sum(reports: list[Mapping[str, Any]], key: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for report in reports:
        total.update({str(name): int(number) for name, number in report[key].items()})
    return total


def _buckets(document: Mapping[str, Any]) -> dict[int, int]:
    return {int(edge): int(number) for edge, number in document.items()}


def _series(cells: list[Mapping[str, Any]]) -> Series:
    slots: dict[int, list[Buckets]] = {}
    failed: Counter[int] = Counter()
    for cell in cells:
        slots.setdefault(int(cell["slot"]), []).append(_buckets(cell["buckets"]))
        failed[int(cell["slot"])] += int(cell["failed"])
    return Series({slot: merge(slots[slot]) for slot in sorted(slots)}, failed)
