"""What Locust runs for `invoke load-test`: users (closed model) or arrivals (open model).

The plan is a file (`LOAD_PLAN`); workers on other machines get it from the master. It contains no secrets:
those are in the environment of each process. The result is one JSON document, written at the end.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import gevent
import gevent.ssl
from accounts import Accounts
from client import Client
from coordinator import Coordinator
from journeys import BURSTS, CALLS, Mix, Shared, Visit
from locust import LoadTestShape, User, between, events, stats, task
from recorder import Recorder, round_up
from shapes import arrivals, together, users

stats.bucket_response_time = round_up
GARBAGE = 20_000  # objects until the collector looks for cycles
recorder = Recorder()
coordinator = Coordinator(recorder)
plan_file: dict[str, Any] = (
    json.loads(Path(os.environ["LOAD_PLAN"]).read_text()) if "LOAD_PLAN" in os.environ else {}
)
current: dict[str, Any] = {"plan": plan_file}  # what this process plays: plan, shared, mix


@cache
def tls_context() -> Any:
    """One TLS context for all users: each costs 20 ms of the only thread."""
    return gevent.ssl.create_default_context()


class Visitor(User):
    """Follows no redirects, verifies certificates, and uses the plan's timeout."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        timeout, fire = current["plan"]["timeout"], environment.events.request.fire
        self.client = Client(self.host or "", timeout, tls_context, fire)


class ClosedUser(Visitor):
    """The closed model: thinks, makes a request, waits for the response, thinks again."""

    def wait_time(self) -> float:
        """Seconds between two journeys."""
        return self.think_time()

    @staticmethod
    def think_time() -> float:
        """A random think time in seconds."""
        mean = current["plan"]["think"]
        return between(0.5 * mean, 1.5 * mean)(None)

    @task
    def journey(self) -> None:
        """One journey, with think time between its calls."""
        name, calls = current["mix"].journey()
        visit = Visit(self.client, current["shared"])
        for number, call in enumerate(calls):
            if number and name not in BURSTS:
                gevent.sleep(self.think_time())
            if time.perf_counter() >= recorder.end:
                gevent.sleep(3600)  # until Locust ends this user
            CALLS[call](visit)


class OpenUser(Visitor):
    """The open model: every request is sent when it is due, whether or not earlier ones were answered."""

    is_stopped = False
    waiting = in_flight = 0  # greenlets that wait for their arrival to be due; that wait for an answer

    @task
    def all(self) -> None:
        """Send this process's share of the schedule."""
        plan = current["plan"]
        share = islice(arrivals(plan), coordinator.index, None, max(1, plan["workers"]))
        self._begin(together(share))
        try:
            gevent.sleep(plan["warmup"] + plan["seconds"] + plan["drain"] + 3600)
        finally:
            self.is_stopped = True

    def _begin(self, share: Iterator[float]) -> None:
        self.waiting += 1
        gevent.spawn_raw(self._send, share)

    def _send(self, share: Iterator[float]) -> None:
        """Take the next arrival, send it when it is due, take another. One waits as long as there are any.

        A greenlet for each arrival would cost more than its request.
        """
        most = current["plan"]["in_flight"]
        for offset in share:
            intended = recorder.begin + offset
            left = intended - time.perf_counter()
            if left > 0:
                gevent.sleep(left)
            if self.is_stopped:
                return
            full = self.in_flight >= most
            recorder.add_arrival(intended, dropped=full)
            if full:
                continue
            self.waiting -= 1
            self.in_flight += 1
            if not self.waiting:
                self._begin(share)
            try:
                current["mix"].call()(Visit(self.client, current["shared"], intended))
            except Exception as fault:  # noqa: BLE001 - a journey's own bug: counted and reported
                coordinator.add_fault(fault)
            self.in_flight -= 1
            self.waiting += 1


class Shape(LoadTestShape):
    """Plays the plan's stages, then waits until all processes have finished."""

    def tick(self) -> tuple[int, float, list[type]] | None:
        """The load now; Locust calls this once a second."""
        plan = current["plan"]
        if coordinator.is_over():
            return None
        if plan["model"] == "open":
            return max(1, plan["workers"]), 100.0, [OpenUser]
        wanted = users(plan, self.get_run_time()) or self.last
        self.last = wanted
        return (*wanted, [ClosedUser])

    last: tuple[int, float] = (1, 1.0)


@events.init_command_line_parser.add_listener
def _option(parser: Any, **_more: Any) -> None:
    """Locust copies the master's options to every worker: this is how workers get the plan."""
    parser.add_argument("--desk-plan", default="", include_in_web_ui=False, help="set by the desk")


@events.init.add_listener
def _init(environment: Any, **_more: Any) -> None:
    if environment.parsed_options is not None and plan_file:
        environment.parsed_options.desk_plan = json.dumps(plan_file)
    coordinator.attach(environment, plan_file)


@events.test_start.add_listener
def _start(environment: Any, **_more: Any) -> None:
    if os.environ.get("LOAD_ONLY", environment.host) != environment.host:
        os._exit(4)  # the master wants load on another address than this worker's desk allows
    plan = current["plan"] = json.loads(environment.parsed_options.desk_plan)
    if coordinator.makes_requests:
        accounts = Accounts(plan, coordinator.index)
        current["mix"] = Mix(plan["mix"], writes=plan["writes"])
        current["shared"] = Shared(plan, recorder, accounts, coordinator.index)
        coordinator.accounts, coordinator.left_out = accounts, current["mix"].left_out
        if "inbox" in plan["mix"]:
            accounts.log_in()
        gc.collect()
        gc.freeze()  # else the collector walks through all of Locust again and again: a third of the CPU
        gc.set_threshold(GARBAGE)
        recorder.start(plan)
    coordinator.start(plan)  # after the log-ins: what it starts ends with the recorder's clock


@events.request.add_listener
def _request(
    name: str, response_time: float, exception: Any, context: dict[str, Any], **_more: Any
) -> None:
    seconds = response_time / 1000
    intended = context.get("intended") or time.perf_counter() - seconds
    recorder.record(name, intended, seconds, None if exception is None else str(exception))


@events.user_error.add_listener
def _user_error(exception: Exception, **_more: Any) -> None:
    coordinator.add_fault(exception)


@events.quitting.add_listener
def _quitting(**_more: Any) -> None:
    coordinator.write_result()
