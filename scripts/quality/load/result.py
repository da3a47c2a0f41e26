# pure
"""What a load test measured, read from the generator's own document. Pure."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PARTS = 10  # parts of a run whose medians are robust against a hiccup of the machine
FEWEST = 20  # samples of a part that say something


@dataclass(frozen=True)
class Series:
    """One endpoint, or all of them: latencies and failures by slot."""

    slots: Mapping[int, Buckets]
    failed_in: Mapping[int, int]
    count: int = field(init=False)
    failed: int = field(init=False)
    all: Buckets = field(init=False, repr=False)

    def __post_init__(self) -> None:
        everything = merged(self.slots.values())
        object.__setattr__(self, "all", everything)
        object.__setattr__(self, "count", size(everything))
        object.__setattr__(self, "failed", sum(self.failed_in.values()))

    def at(self, share: float) -> float | None:
        """A percentile of the whole, in ms."""
        return percentile(self.all, share)

    @property
    def failures(self) -> float:
        """The ratio of failed requests."""
        return self.failed / self.count if self.count else 0.0

    def parts(self, share: float) -> list[float]:
        """A percentile of each part of the run, in ms: up to ten parts in a row, each of enough samples."""
        wanted = max(FEWEST, self.count / PARTS)
        found, part = [], Counter[int]()
        for slot in sorted(self.slots):
            part.update(self.slots[slot])
            if part.total() >= wanted:
                found.append(percentile(part, share))
                part = Counter()
        return [each for each in found if each is not None]


@dataclass(frozen=True)
class Measured:
    """All of a run.

    Args:
        aborted: `lost` or `threshold`, and why; None when it was played to its end.
        cpu: shares of a core by second, of the busiest process.
        lag: how late the generator's own clock was.
        planned, dropped: arrivals of the open model.
        created: what was written, by kind; attempts, so what is left is never more.
    """

    run: str
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
    unfinished: int
    warm: int
    logins: Mapping[str, int]
    faults: Mapping[str, int]
    left_out: tuple[str, ...]
    created: Mapping[str, int]

    @property
    def busiest(self) -> float | None:
        """The share of a core that the busiest process stayed below in nine of ten seconds."""
        return statistics.quantiles(self.cpu, n=10)[-1] if len(self.cpu) > 1 else next(iter(self.cpu), None)


def measured(document: Mapping[str, Any], run: str) -> Measured:
    """Read the document that the generator left for this run.

    Raises:
        ValueError, KeyError, TypeError: it is not one.
    """
    reports = document["reports"]
    if document["format"] != 1 or document["run"] != run or not isinstance(reports, list):
        raise ValueError("an unknown format, or another run's")
    cells = [each for report in reports for each in report["cells"]]
    counts = _sum(reports, "counts")
    errors: Counter[tuple[str, str]] = Counter()
    for each in (error for report in reports for error in report["errors"]):
        errors[str(each["name"]), str(each["error"])] += int(each["count"])
    cpus = [tuple(float(x) for x in report["cpu"]) for report in reports if report["cpu"]]
    aborted = document["aborted"]
    return Measured(
        run=run,
        endpoints={
            name: _series([c for c in cells if c["name"] == name])
            for name in sorted({str(c["name"]) for c in cells})
        },
        total=_series(cells),
        errors=errors,
        complete=bool(document["complete"]) and all(report["finished"] for report in reports),
        aborted=(str(aborted[0]), str(aborted[1])) if aborted else None,
        workers_expected=int(document["workers"]["expected"]),
        workers_reported=int(document["workers"]["reported"]),
        peak_users=int(document["peak_users"]),
        cpu=max(cpus, key=statistics.fmean, default=()),
        lag=merged(_buckets(report["lag"]) for report in reports),
        planned=counts["planned"],
        dropped=counts["dropped"],
        unfinished=counts["unfinished"],
        warm=counts["warm"],
        logins=_sum(reports, "logins"),
        faults=_sum(reports, "faults"),
        left_out=tuple(sorted({each for report in reports for each in report["left_out"]})),
        created=_sum(reports, "created"),
    )


def _sum(reports: list[Mapping[str, Any]], key: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in reports:
        total.update({str(name): int(n) for name, n in each[key].items()})
    return total


def _buckets(found: Mapping[str, Any]) -> dict[int, int]:
    return {int(edge): int(n) for edge, n in found.items()}


def _series(cells: list[Mapping[str, Any]]) -> Series:
    slots: dict[int, list[Buckets]] = {}
    failed: Counter[int] = Counter()
    for each in cells:
        slots.setdefault(int(each["slot"]), []).append(_buckets(each["buckets"]))
        failed[int(each["slot"])] += int(each["failed"])
    return Series({slot: merged(slots[slot]) for slot in sorted(slots)}, failed)


# Latencies in buckets: how many took at most so many microseconds; merging, percentiles. Pure.


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
