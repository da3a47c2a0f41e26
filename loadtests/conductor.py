"""Leads the processes of one run: who takes part, how far it is, when it is over; writes the result.

One process is all there is, or a master plays the shape and its workers send what they measured.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import gevent
from locust.runners import MasterRunner, WorkerRunner
from recorder import Recorder

REPORT, PROGRESS = "desk-report", "desk-progress"
TICK, PULSES = 1.0, 20
LOADED_BY = os.getpid()
PATIENCE = 5.0  # seconds that a finished worker's report may take to arrive


class Conductor:
    """Of this process."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.plan = recorder, {}
        self.runner: Any = None
        self.accounts: Any = None
        self.left_out: list[str] = []
        self.aborted: tuple[str, str] | None = None  # `lost` or `threshold`, and why
        self.began: float | None = None
        self._reports: dict[str, dict[str, Any]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._window: deque[tuple[float, Counter[int]]] = deque()
        self._sums: deque[tuple[float, int, int]] = deque()
        self._faults: Counter[str] = Counter()
        self._peak = 0
        self._seen: set[str] = set()

    @property
    def generates(self) -> bool:
        """Whether this process makes requests."""
        return not isinstance(self.runner, MasterRunner)

    @property
    def place(self) -> int:
        """The number of this process among those that make requests."""
        return max(0, getattr(self.runner, "worker_index", 0))

    def attach(self, environment: Any, plan: dict[str, Any]) -> None:
        """Locust is ready. Nothing goes on when whoever started this process was killed."""
        self.runner, self.plan = environment.runner, plan
        gevent.spawn(self._mind)
        if isinstance(self.runner, MasterRunner):
            self.runner.register_message(REPORT, lambda msg, **_: self._arrived(msg.node_id, msg.data))
            self.runner.register_message(PROGRESS, lambda msg, **_: self._heard(msg.node_id, msg.data))

    @staticmethod
    def _mind() -> None:
        forked = os.getpid() != LOADED_BY
        parent = LOADED_BY if forked else int(os.environ.get("LOAD_PARENT") or os.getppid())
        while os.getppid() == parent:
            gevent.sleep(TICK)
        os._exit(3)

    def start(self, plan: dict[str, Any]) -> None:
        """The test begins."""
        self.plan, self.began = plan, time.perf_counter()
        gevent.spawn(self._generate if self.generates else self._lead)

    def raised(self, fault: BaseException) -> None:
        """A journey has a bug."""
        self._faults[f"{type(fault).__name__}: {fault}"[:200]] += 1

    def over(self) -> bool:
        """Whether all processes have finished, or it is no use to go on."""
        stop = Path(self.plan.get("stop") or os.devnull)
        if not self.aborted and stop.is_file():
            self.aborted = "stopped", stop.read_text()
        if self.aborted or self.began is None:
            return bool(self.aborted)
        if self.generates:
            return self.recorder.finished
        spent = time.perf_counter() - self.began
        limit = self.plan["warmup"] + self.plan["seconds"] + self.plan["drain"] + PATIENCE
        return len(self._reports) >= self.plan["workers"] or spent > limit

    def _generate(self) -> None:
        """Once a second: the generator's own state; at the end: wait for what is under way, then report."""
        cpu, then = time.process_time(), time.perf_counter()
        while then < self.recorder.end or not self._drained(then):
            self._pulse()
            used, at = time.process_time(), time.perf_counter()
            self.recorder.busy((used - cpu) / (at - then))
            cpu, then = used, at
            self._tell(self.recorder.progress())
        self.recorder.finish()
        self._tell(self.recorder.progress())
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(REPORT, json.dumps(self._report()))

    def _pulse(self) -> None:
        """One second in small steps, each of which shows how late this process is."""
        for _ in range(PULSES):
            due = time.perf_counter() + TICK / PULSES
            gevent.sleep(TICK / PULSES)
            self.recorder.late(time.perf_counter() - due)

    def _drained(self, now: float) -> bool:
        return self.recorder.idle() or now > self.recorder.end + self.plan["drain"]

    def _report(self) -> dict[str, Any]:
        logins = dict(self.accounts.logins) if self.accounts else {}
        return {
            **self.recorder.report(), "logins": logins, "left_out": self.left_out,
            "faults": dict(self._faults),
        }  # fmt: skip

    def _tell(self, progress: dict[str, Any]) -> None:
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(PROGRESS, json.dumps(progress))
        else:
            self._heard("local", json.dumps(progress))

    def _lead(self) -> None:
        """The master: whoever is missed in the middle is lost for good, and the run with him."""
        while not self.over():
            here = {node.id for node in self.runner.clients.all if node.state != "missing"}
            lost = self._seen - here - set(self._reports)
            self._seen |= here
            if lost:
                self.aborted = "lost", f"{len(lost)} of {self.plan['workers']} workers lost in the middle"
            gevent.sleep(0.5)

    def _arrived(self, worker: str, text: str) -> None:
        self._reports[worker] = json.loads(text)

    def _heard(self, worker: str, text: str) -> None:
        """Progress of one process: into the file that the desk reads, and the reason to stop early."""
        found = json.loads(text)
        self._counts[worker] = found["counts"]
        now = time.perf_counter()
        self._window.append((now, Counter({int(k): v for k, v in found["buckets"].items()})))
        total: Counter[str] = Counter()
        for each in self._counts.values():
            total.update(each)
        self._sums.append((now, total["requests"], total["failed"]))
        self._peak = max(self._peak, self.runner.user_count)
        seconds = self.plan["abort"]["seconds"]
        while self._window and self._window[0][0] < now - seconds:
            self._window.popleft()
        while len(self._sums) > 1 and self._sums[1][0] < now - seconds:
            self._sums.popleft()
        self._judge()
        _write(
            self.plan["progress"],
            {"at": now - (self.began or now), "users": self.runner.user_count, **total},
        )

    def _judge(self) -> None:
        """Stop early when the last seconds were hopeless."""
        abort = self.plan["abort"]
        (first, had, failed_before), (last, have, failed) = self._sums[0], self._sums[-1]
        if last - first < abort["seconds"] * 0.8 or have - had < abort["samples"]:
            return
        share = (failed - failed_before) / (have - had)
        if share > abort["failures"]:
            self.aborted = "threshold", f"{share:.0%} of the requests of {last - first:.0f} s failed"
            return
        buckets: Counter[int] = Counter()
        for _, each in self._window:
            buckets.update(each)
        slow = sum(n for edge, n in buckets.items() if edge > abort["p95"] * 1000)
        if slow > 0.05 * buckets.total():
            self.aborted = "threshold", f"p95 was over {abort['p95']:g} ms for {last - first:.0f} s"

    def write(self) -> None:
        """The result, unless this is a worker: his is with the master."""
        if isinstance(self.runner, WorkerRunner) or not self.plan:
            return
        if self.generates:
            if self.began is not None and not self.recorder.finished:
                self.recorder.finish()
            self._reports = {"local": self._report()} if self.began is not None else {}
        document = {
            "format": 1,
            "run": self.plan["run"],
            "aborted": self.aborted,
            "complete": self.over() and not self.aborted,
            "peak_users": self._peak,
            "workers": {"expected": max(1, self.plan["workers"]), "reported": len(self._reports)},
            "reports": list(self._reports.values()),
        }
        _write(self.plan["result"], document)


def _write(path: str, document: dict[str, Any]) -> None:
    """All of it, or nothing."""
    part = Path(f"{path}.part")
    part.write_text(json.dumps(document))
    part.replace(path)
