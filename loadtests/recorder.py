"""What was measured: latencies by endpoint and time slot, and everything that makes them doubtful.

A request counts by its *intended* start: warm-up and what came after the end are told apart by it.
Times lie in buckets of microseconds, each known by its upper edge: at most 0.1 % above the truth, never
below.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from itertools import count
from typing import Any

BITS = 11
UNFINISHED = "unfinished when the run was over"


def bucket(microseconds: int) -> int:
    """The upper edge of the bucket that a time falls into."""
    shift = microseconds.bit_length() - BITS
    return microseconds if shift <= 0 else (microseconds >> shift << shift) + (1 << shift) - 1


def three_digits(milliseconds: float) -> float:
    """For Locust's own report, whose rounding would show 1,049 ms as 1,000."""
    return bucket(int(milliseconds * 1000)) / 1000


class Recorder:
    """What one process measured; `report` is JSON, and reports of several processes add up."""

    def __init__(self) -> None:
        self.begin = 0.0
        self.warmup = self.seconds = 0.0
        self.slot = 1.0
        self.finished = False
        self._cells: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
        self._failed: Counter[tuple[str, int]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._recent: Counter[int] = Counter()
        self._lag: Counter[int] = Counter()
        self._cpu: list[float] = []
        self._open: dict[int, tuple[str, float]] = {}
        self._tokens = count()
        self.counts: Counter[str] = Counter()
        self.created: Counter[str] = Counter()

    def start(self, plan: dict[str, Any]) -> None:
        """The clock starts now."""
        self.__init__()  # type: ignore[misc]
        self.begin = time.perf_counter()
        self.warmup, self.seconds, self.slot = plan["warmup"], plan["seconds"], plan["slot"]

    @property
    def end(self) -> float:
        """When the last measured request may start, on `time.perf_counter`."""
        return self.begin + self.warmup + self.seconds

    def place(self, intended: float) -> int | None:
        """The slot of a start; None for warm-up and afterwards."""
        offset = intended - self.begin - self.warmup
        return int(offset / self.slot) if 0 <= offset < self.seconds else None

    def opened(self, name: str, intended: float) -> int:
        """A request is under way."""
        token = next(self._tokens)
        self._open[token] = (name, intended)
        return token

    def closed(self, token: int) -> None:
        """It is no more."""
        self._open.pop(token, None)

    def record(self, name: str, intended: float, seconds: float, error: str | None) -> None:
        """One request has ended."""
        if self.finished:
            return
        slot = self.place(intended)
        if slot is None:
            if intended < self.end:
                self.counts["warm"] += 1
                self.counts["warm_failed"] += error is not None
            return
        edge = bucket(int(seconds * 1e6))
        self._cells[name, slot][edge] += 1
        self._recent[edge] += 1
        self.counts["requests"] += 1
        if error is not None:
            self.counts["failed"] += 1
            self._failed[name, slot] += 1
            self._errors[name, error[:200]] += 1

    def due(self, intended: float, *, dropped: bool) -> None:
        """An arrival of the open model was due; a dropped one found too many in flight."""
        if self.place(intended) is not None:
            self.counts["planned"] += 1
            self.counts["dropped"] += dropped

    def busy(self, share: float) -> None:
        """The share of a core that this process used in the last second."""
        if self.place(time.perf_counter()) is not None:
            self._cpu.append(round(share, 3))

    def late(self, seconds: float) -> None:
        """By how much the generator's own clock was late: the noise in all that is measured here."""
        if self.place(time.perf_counter()) is not None:
            self._lag[bucket(int(max(0.0, seconds) * 1e6))] += 1

    def idle(self) -> bool:
        """Whether no measured request is under way."""
        return not any(self.place(intended) is not None for _, intended in self._open.values())

    def finish(self) -> None:
        """Nothing is recorded from now on; what is still under way failed, and is as old as it is."""
        now = time.perf_counter()
        for name, intended in list(self._open.values()):
            if self.place(intended) is not None:
                self.counts["unfinished"] += 1
                self.record(name, intended, now - intended, UNFINISHED)
        self.finished = True

    def progress(self) -> dict[str, Any]:
        """What came since the last call: `buckets`; and the sums so far."""
        recent, self._recent = self._recent, Counter()
        return {"counts": dict(self.counts), "buckets": {str(k): v for k, v in recent.items()}}

    def report(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "cells": [
                {
                    "name": name,
                    "slot": slot,
                    "failed": self._failed[name, slot],
                    "buckets": {str(edge): n for edge, n in buckets.items()},
                }
                for (name, slot), buckets in sorted(self._cells.items())
            ],
            "errors": [
                {"name": name, "error": error, "count": n} for (name, error), n in self._errors.items()
            ],
            "counts": dict(self.counts),
            "created": dict(self.created),
            "cpu": self._cpu,
            "lag": {str(edge): n for edge, n in self._lag.items()},
            "finished": self.finished,
        }
