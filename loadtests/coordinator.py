"""Coordinates the processes of one run: who takes part, the progress, the end, the result.

Either one process does everything, or a master plays the shape and its workers send their measurements.
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

REPORT, PROGRESS = "desk-report", "desk-progress"  # messages from a worker to its master
TICK, STEPS = 1.0, 20  # seconds between two progress messages, and in how many steps they are slept
FIRST_PID = os.getpid()
LOGIN_TIMEOUT = 60.0  # seconds that the log-ins of a worker may take before its clock starts
RECENT = 5.0  # seconds over which the live rate and p95 are taken
REPORT_TIMEOUT = 5.0  # seconds for a finished worker's report to arrive


class Coordinator:
    """The coordinator of this process."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.plan = recorder, {}
        self.runner: Any = None
        self.accounts: Any = None
        self.left_out: list[str] = []
        self.aborted: tuple[str, str] | None = None  # `lost`, `threshold` or `stopped`, and why
        self.began: float | None = None
        self._reports: dict[str, dict[str, Any]] = {}  # by worker
        self._counts: dict[str, dict[str, int]] = {}
        self._latencies: deque[tuple[float, Counter[int]]] = deque()  # of the last seconds
        self._totals: deque[tuple[float, int, int]] = deque()  # time, requests, failed
        self._faults: Counter[str] = Counter()
        self._peak_users = 0
        self._users: dict[int, int] = {}  # by the second of the measurement
        self._workers: set[str] = set()

    @property
    def makes_requests(self) -> bool:
        """Whether this process makes requests itself."""
        return not isinstance(self.runner, MasterRunner)

    @property
    def index(self) -> int:
        """The number of this process among those that make requests."""
        return max(0, getattr(self.runner, "worker_index", 0))

    def attach(self, environment: Any, plan: dict[str, Any]) -> None:
        """Locust is ready: listen to the workers, and end when the parent process is killed."""
        self.runner, self.plan = environment.runner, plan
        gevent.spawn(self._end_with_parent)
        if isinstance(self.runner, MasterRunner):
            self.runner.register_message(REPORT, lambda msg, **_: self._add_report(msg.node_id, msg.data))
            self.runner.register_message(
                PROGRESS, lambda msg, **_: self._add_progress(msg.node_id, msg.data)
            )

    @staticmethod
    def _end_with_parent() -> None:
        forked = os.getpid() != FIRST_PID
        parent = FIRST_PID if forked else int(os.environ.get("LOAD_PARENT") or os.getppid())
        while os.getppid() == parent:
            gevent.sleep(TICK)
        os._exit(3)

    def start(self, plan: dict[str, Any]) -> None:
        """The test begins."""
        self.plan, self.began = plan, time.perf_counter()
        gevent.spawn(self._report_progress if self.makes_requests else self._watch_workers)

    def add_fault(self, fault: BaseException) -> None:
        """Count a bug of a journey."""
        self._faults[f"{type(fault).__name__}: {fault}"[:200]] += 1

    def is_over(self) -> bool:
        """Whether all processes have finished, or the run was aborted."""
        stop = Path(self.plan.get("stop") or os.devnull)
        if not self.aborted and stop.is_file():
            self.aborted = "stopped", stop.read_text()
        if self.aborted or self.began is None:
            return bool(self.aborted)
        if self.makes_requests:
            return self.recorder.finished
        elapsed = time.perf_counter() - self.began
        limit = self.plan["warmup"] + self.plan["seconds"] + self.plan["drain"] + REPORT_TIMEOUT
        limit += LOGIN_TIMEOUT if "inbox" in self.plan["mix"] else 0
        return len(self._reports) >= self.plan["workers"] or elapsed > limit

    def _report_progress(self) -> None:
        """Send the progress every second. At the end, wait for requests in flight, then send the report."""
        cpu, now = time.process_time(), time.perf_counter()
        while now < self.recorder.end or not self._drained(now):
            self._sleep_and_measure_lag()
            cpu_before, before = cpu, now
            cpu, now = time.process_time(), time.perf_counter()
            self.recorder.add_cpu((cpu - cpu_before) / (now - before))
            self.recorder.add_flying()
            self._send_progress()
        self.recorder.finish()
        self._send_progress()
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(REPORT, json.dumps(self._report()))

    def _sleep_and_measure_lag(self) -> None:
        """Sleep one second in small steps; each shows how late this process is."""
        for _ in range(STEPS):
            due = time.perf_counter() + TICK / STEPS
            gevent.sleep(TICK / STEPS)
            self.recorder.add_lag(time.perf_counter() - due)

    def _drained(self, now: float) -> bool:
        return self.recorder.is_idle() or now > self.recorder.end + self.plan["drain"]

    def _report(self) -> dict[str, Any]:
        return {
            **self.recorder.report(),
            "logins": dict(self.accounts.logins) if self.accounts else {},
            "left_out": self.left_out,
            "faults": dict(self._faults),
        }

    def _send_progress(self) -> None:
        progress = json.dumps(self.recorder.progress())
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(PROGRESS, progress)
        else:
            self._add_progress("local", progress)

    def _watch_workers(self) -> None:
        """The master's loop. A worker that is missing in the middle makes the run worthless."""
        while not self.is_over():
            present = {node.id for node in self.runner.clients.all if node.state != "missing"}
            lost = self._workers - present - set(self._reports)
            self._workers |= present
            if lost:
                measured = sum(counts.get("requests", 0) for counts in self._counts.values())
                gone = f"{len(lost)} of {self.plan['workers']} workers were lost in the middle"
                self.aborted = "lost", f"{gone}, after {measured} requests"
            gevent.sleep(0.5)

    def _add_report(self, worker: str, text: str) -> None:
        self._reports[worker] = json.loads(text)

    def _add_progress(self, worker: str, text: str) -> None:
        """Add one process's progress, write the file that the desk reads, and check for an early stop."""
        progress = json.loads(text)
        now, seconds = time.perf_counter(), self.plan["abort"]["seconds"]
        self._counts[worker] = progress["counts"]
        total: Counter[str] = Counter()
        for counts in self._counts.values():
            total.update(counts)
        buckets = Counter({int(edge): number for edge, number in progress["buckets"].items()})
        self._latencies.append((now, buckets))
        self._totals.append((now, total["requests"], total["failed"]))
        while self._latencies and self._latencies[0][0] < now - seconds:
            self._latencies.popleft()
        while len(self._totals) > 1 and self._totals[1][0] < now - seconds:
            self._totals.popleft()
        self._abort_if_hopeless()
        users, at = self.runner.user_count, now - (self.began or now)
        self._peak_users = max(self._peak_users, users)
        if 0 <= at - self.plan["warmup"] < self.plan["seconds"]:
            self._users[int(at - self.plan["warmup"])] = users
        _write(self.plan["progress"], {"at": at, "users": users, **self._recent(now), **total})

    def _recent(self, now: float) -> dict[str, float | None]:
        """Requests per second, and p95 in ms, of the last seconds; for people who watch."""
        latencies: Counter[int] = Counter()
        for at, buckets in self._latencies:
            if at > now - RECENT:
                latencies.update(buckets)
        since = max(now - RECENT, (self.began or now) + self.plan["warmup"])  # the warm-up is not counted
        first = next((entry for entry in self._totals if entry[0] >= since), self._totals[-1])
        passed, done = now - first[0], self._totals[-1][1] - first[1]
        rank, seen, p95 = 0.95 * latencies.total(), 0, None
        for edge in sorted(latencies):
            seen += latencies[edge]
            if seen >= rank:
                p95 = edge / 1000
                break
        return {"rate": done / passed if passed else None, "p95": p95}

    def _abort_if_hopeless(self) -> None:
        """Stop early if most requests of the last seconds failed or were far too slow."""
        abort = self.plan["abort"]
        (start, first, failed_before), (end, last, failed) = self._totals[0], self._totals[-1]
        if end - start < abort["seconds"] * 0.8 or last - first < abort["samples"]:
            return
        ratio = (failed - failed_before) / (last - first)
        if ratio > abort["failures"]:
            self.aborted = "threshold", f"{ratio:.0%} of the requests of {end - start:.0f} s failed"
            return
        latencies: Counter[int] = Counter()
        for _, buckets in self._latencies:
            latencies.update(buckets)
        slow = sum(number for edge, number in latencies.items() if edge > abort["p95"] * 1000)
        if slow > 0.05 * latencies.total():
            self.aborted = "threshold", f"p95 was over {abort['p95']:g} ms for {end - start:.0f} s"

    def write_result(self) -> None:
        """Write the result file. A worker has none of its own: the master has its report."""
        if isinstance(self.runner, WorkerRunner) or not self.plan:
            return
        if self.makes_requests:
            if self.began is not None and not self.recorder.finished:
                self.recorder.finish()
            self._reports = {"local": self._report()} if self.began is not None else {}
        document = {
            "format": 1,
            "run": self.plan["run"],
            "aborted": self.aborted,
            "complete": self.is_over() and not self.aborted,
            "peak_users": self._peak_users,
            "users": {str(second): users for second, users in self._users.items()},
            "workers": {"expected": max(1, self.plan["workers"]), "reported": len(self._reports)},
            "reports": list(self._reports.values()),
        }
        _write(self.plan["result"], document)


def _write(path: str, document: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    partial = Path(f"{path}.part")
    partial.write_text(json.dumps(document))
    partial.replace(path)
