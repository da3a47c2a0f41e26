"""What Locust runs for `invoke load-test`: users (closed model) or arrivals (open model).

The plan comes as a file (`LOAD_PLAN`); workers on other machines get it from the master. It holds no
secret: those are in the environment of each process. The result is one JSON document, written at the end.
"""

from __future__ import annotations

import json
import os
import time
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import gevent
import gevent.pool
import gevent.ssl
from accounts import Accounts
from conductor import Conductor
from journeys import AT_ONCE, CALLS, Mix, Visit, World
from locust import FastHttpUser, LoadTestShape, between, events, stats, task
from recorder import Recorder, three_digits
from shapes import arrivals, users

stats.bucket_response_time = three_digits
recorder = Recorder()
conductor = Conductor(recorder)
given: dict[str, Any] = (
    json.loads(Path(os.environ["LOAD_PLAN"]).read_text()) if "LOAD_PLAN" in os.environ else {}
)
now: dict[str, Any] = {"plan": given}  # what this process plays: plan, world, mix


@cache
def trusted() -> Any:
    """One TLS context for all users: each would cost 20 ms of the only thread."""
    return gevent.ssl.create_default_context()


class Careful(FastHttpUser):
    """Follows no redirect, trusts no unknown certificate, and waits no longer than the plan says."""

    abstract = True
    insecure = False
    ssl_context_factory = staticmethod(trusted)
    connection_timeout = network_timeout = given.get("timeout", 10)

    def __init__(self, environment: Any) -> None:
        self.network_timeout = self.connection_timeout = now["plan"]["timeout"]
        super().__init__(environment)
        self.client.client.redirect_response_codes = frozenset()


class Person(Careful):
    """The closed model: thinks, asks, waits for the answer, thinks again."""

    def wait_time(self) -> float:
        """Between two journeys."""
        return self.think()

    @staticmethod
    def think() -> float:
        """Seconds of a thought."""
        mean = now["plan"]["think"]
        return between(0.5 * mean, 1.5 * mean)(None)

    @task
    def journey(self) -> None:
        """One journey, with a thought between two calls."""
        name, calls = now["mix"].journey()
        visit = Visit(self.client, now["world"])
        for number, each in enumerate(calls):
            if number and name not in AT_ONCE:
                gevent.sleep(self.think())
            if time.perf_counter() >= recorder.end:
                gevent.sleep(3600)
            CALLS[each](visit)


class Arrivals(Careful):
    """The open model: a request is sent when it is due, whether or not the ones before it were answered."""

    concurrency = given.get("in_flight", 1000)

    def __init__(self, environment: Any) -> None:
        self.concurrency = now["plan"]["in_flight"]
        super().__init__(environment)

    @task
    def all(self) -> None:
        """The share of this process of the schedule."""
        plan, place = now["plan"], conductor.place
        pool = gevent.pool.Pool()
        for offset in islice(arrivals(plan), place, None, max(1, plan["workers"])):
            intended = recorder.begin + offset
            gevent.sleep(max(0.0, intended - time.perf_counter()))
            full = len(pool) >= plan["in_flight"]
            recorder.due(intended, dropped=full)
            if not full:
                pool.spawn(self._one, intended)
        gevent.sleep(3600)

    def _one(self, intended: float) -> None:
        try:
            now["mix"].call()(Visit(self.client, now["world"], intended))
        except Exception as fault:  # noqa: BLE001 - a journey's own bug: counted, told, no reason to stop
            conductor.raised(fault)


class Shape(LoadTestShape):
    """Plays the plan's stages, and waits for all processes to finish."""

    def tick(self) -> tuple[int, float, list[type]] | None:
        """Locust asks once a second."""
        plan = now["plan"]
        if conductor.over():
            return None
        if plan["model"] == "open":
            return max(1, plan["workers"]), 100.0, [Arrivals]
        wanted = users(plan, self.get_run_time()) or self.last
        self.last = wanted
        return (*wanted, [Person])

    last: tuple[int, float] = (1, 1.0)


@events.init_command_line_parser.add_listener
def _option(parser: Any, **_more: Any) -> None:
    """Locust hands the master's own options to every worker."""
    parser.add_argument("--desk-plan", default="", include_in_web_ui=False, help="set by the desk")


@events.init.add_listener
def _init(environment: Any, **_more: Any) -> None:
    if environment.parsed_options is not None and given:
        environment.parsed_options.desk_plan = json.dumps(given)
    conductor.attach(environment, given)


@events.test_start.add_listener
def _start(environment: Any, **_more: Any) -> None:
    if os.environ.get("LOAD_ONLY", environment.host) != environment.host:
        os._exit(4)  # a worker whose master wants load on another address than the desk allowed
    plan = now["plan"] = json.loads(environment.parsed_options.desk_plan)
    conductor.start(plan)
    if conductor.generates:
        logged_in = Accounts(plan, conductor.place)
        now["mix"] = Mix(plan["mix"], writes=plan["writes"])
        now["world"] = World(plan, recorder, logged_in, conductor.place)
        conductor.accounts, conductor.left_out = logged_in, now["mix"].left_out
        if "inbox" in plan["mix"]:
            logged_in.log_in()
        recorder.start(plan)


@events.request.add_listener
def _request(
    name: str, response_time: float, exception: Any, context: dict[str, Any], **_more: Any
) -> None:
    seconds = response_time / 1000
    intended = context.get("intended") or time.perf_counter() - seconds
    recorder.record(name, intended, seconds, None if exception is None else str(exception))


@events.user_error.add_listener
def _user_error(exception: Exception, **_more: Any) -> None:
    conductor.raised(exception)


@events.quitting.add_listener
def _quitting(**_more: Any) -> None:
    conductor.write()
