"""Measures one process: latencies by endpoint and time slot, and whatever makes them doubtful.

A request belongs to the time of its *intended* start. Those of the warm-up and after the end are not
measured. Latencies are kept in buckets by their upper edge in microseconds: at most 0.1 % too high, never
too low.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from itertools import count
from typing import Any

BITS = 11  # of precision: 1 in 1024
UNFINISHED = "unfinished when the run was over"


def bucket(microseconds: int) -> int:
    """The upper edge of the bucket of a latency."""
    shift = microseconds.bit_length() - BITS
    return microseconds if shift <= 0 else (microseconds >> shift << shift) + (1 << shift) - 1


def round_up(milliseconds: float) -> float:
    """For Locust's own report, whose rounding would show 1,049 ms as 1,000."""
    return bucket(int(milliseconds * 1000)) / 1000


class Recorder:
    """The measurements of one process. `report` is JSON; reports of several processes add up."""

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
        self._flying: Counter[int] = Counter()
        self._in_flight: dict[int, tuple[str, float]] = {}
        self._tokens = count()
        self.counts: Counter[str] = Counter()
        self.created: Counter[str] = Counter()

    def start(self, plan: dict[str, Any]) -> None:
        """Start the clock."""
        self.__init__()  # type: ignore[misc]
        self.begin = time.perf_counter()
        self.warmup, self.seconds, self.slot = plan["warmup"], plan["seconds"], plan["slot"]

    @property
    def end(self) -> float:
        """When the last measured request may start, on `time.perf_counter`."""
        return self.begin + self.warmup + self.seconds

    def slot_of(self, intended: float) -> int | None:
        """The time slot of a start; None during the warm-up and after the end."""
        offset = intended - self.begin - self.warmup
        return int(offset / self.slot) if 0 <= offset < self.seconds else None

    def opened(self, name: str, intended: float) -> int:
        """A request is in flight; returns its token for `closed`."""
        token = next(self._tokens)
        self._in_flight[token] = (name, intended)
        return token

    def closed(self, token: int) -> None:
        """A request is no longer in flight."""
        self._in_flight.pop(token, None)

    def record(self, name: str, intended: float, seconds: float, error: str | None) -> None:
        """Add one request that has ended."""
        if self.finished:
            return
        slot = self.slot_of(intended)
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

    def add_arrival(self, intended: float, *, dropped: bool) -> None:
        """Count a due request of the open model; `dropped`: too many were in flight to send it."""
        if self.slot_of(intended) is not None:
            self.counts["planned"] += 1
            self.counts["dropped"] += dropped

    def add_cpu(self, share: float) -> None:
        """Add the share of a core that this process used in the last second."""
        if self.slot_of(time.perf_counter()) is not None:
            self._cpu.append(round(share, 3))

    def add_lag(self, seconds: float) -> None:
        """Add how late the generator's own clock was: noise in everything that is measured here."""
        if self.slot_of(time.perf_counter()) is not None:
            self._lag[bucket(int(max(0.0, seconds) * 1e6))] += 1

    def add_flying(self) -> None:
        """Note how many requests wait for an answer in this second."""
        slot = self.slot_of(time.perf_counter())
        if slot is not None:
            self._flying[slot] = max(self._flying[slot], len(self._in_flight))

    def is_idle(self) -> bool:
        """Whether no measured request is in flight."""
        return not any(self.slot_of(intended) is not None for _, intended in self._in_flight.values())

    def finish(self) -> None:
        """Stop recording. A request that is still in flight counts as failed after the time so far."""
        now = time.perf_counter()
        for name, intended in list(self._in_flight.values()):
            if self.slot_of(intended) is not None:
                self.counts["unfinished"] += 1
                self.record(name, intended, now - intended, UNFINISHED)
        self.finished = True

    def progress(self) -> dict[str, Any]:
        """The counts so far, and the latencies since the last call."""
        recent, self._recent = self._recent, Counter()
        return {"counts": dict(self.counts), "buckets": {str(edge): n for edge, n in recent.items()}}

    def report(self) -> dict[str, Any]:
        """Everything, as JSON."""
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
            "flying": {str(slot): n for slot, n in self._flying.items()},
            "lag": {str(edge): n for edge, n in self._lag.items()},
            "finished": self.finished,
        }
