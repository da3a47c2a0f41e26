"""What a request costs the load generator, beside Locust's own users on the same journey, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import skips
from tests.support.desks import ROOT
from tests.support.load import load_world
from tests.support.processes import PYTHON

pytestmark = skips.LONG
ROUNDS, USERS, RATE = 3, 30, 900
PATHS = {"home": "/", "properties": "/api/properties", "bookings": "/api/bookings"}
LOCUSTS = """
import json, os, time, gevent
from locust import {user}, constant_throughput, events, task

@events.test_start.add_listener
def begin(environment, **_):
    def measure():
        gevent.sleep(2)
        cpu, made = time.process_time(), environment.stats.total.num_requests
        gevent.sleep(4)
        made = environment.stats.total.num_requests - made
        open(os.environ["OUT"], "w").write(json.dumps(made / (time.process_time() - cpu)))
        environment.runner.quit()
    gevent.spawn(measure)

class Visitor({user}):
    wait_time = constant_throughput({pace})
    @task
    def browse(self):
        for name, path in {paths}.items():
            self.client.get(path, name=name)
"""


def run(folder: Path, url: str, locustfile: Path, *more: str, **env: str) -> None:
    """Run Locust to its end."""
    argv = [
        PYTHON,
        "-m",
        "locust",
        "-f",
        str(locustfile),
        "--headless",
        "--only-summary",
        "--host",
        url,
        *more,
    ]
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), **env}
    subprocess.run(argv, cwd=folder, env=clean, check=True, capture_output=True, timeout=60)


def of_locust(folder: Path, url: str, user: str, model: str) -> float:
    """Requests for a second of CPU time by one of Locust's own users: at that rate, or flat out."""
    file, out = folder / "theirs.py", folder / "out.json"
    pace = RATE / USERS / len(PATHS) if model == "open" else 1e6
    file.write_text(LOCUSTS.format(user=user, paths=PATHS, pace=pace))
    run(folder, url, file, "-u", str(USERS), "-r", "100", OUT=str(out))
    return float(json.loads(out.read_text()))


def of_desk(folder: Path, url: str, model: str) -> float:
    """The same by the desk's generator, as its own report has it."""
    plan = {
        "model": model, "peak": RATE if model == "open" else USERS, "warmup": 2, "seconds": 4, "slot": 1,
        "stages": [{"seconds": 4, "load": 1}], "writes": False, "workers": 0, "rest": "", "think": 0,
        "timeout": 10, "in_flight": 1000, "drain": 5, "paths": PATHS, "mix": {"browse": 1, "search": 1},
        "abort": {"failures": 0.5, "p95": 10_000, "seconds": 10, "samples": 50}, "run": "r1",
        **{name: str(folder / name) for name in ("result", "progress", "stop")},
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    run(folder, url, ROOT / "loadtests" / "locustfile.py", LOAD_PLAN=str(folder / "plan.json"))
    (report,) = json.loads((folder / "result").read_text())["reports"]
    assert report["counts"]["requests"] > 1000
    assert not report["counts"].get("failed"), report["errors"]
    return float(report["counts"]["requests"] / sum(report["cpu"]))


@pytest.mark.parametrize("model", ["closed", "open"])
def test_a_request_costs_no_more_than_with_locusts_fast_user(tmp_path: Path, model: str) -> None:
    """At least 0.9 of its requests for a second of CPU time, and 3 times `HttpUser`'s, at the same rate."""
    desk, fast, slow = [], [], []
    with load_world(tmp_path) as world:
        url = f"http://127.0.0.1:{world.port}"
        for _ in range(ROUNDS):
            desk.append(of_desk(tmp_path, url, model))
            fast.append(of_locust(tmp_path, url, "FastHttpUser", model))
            slow.append(of_locust(tmp_path, url, "HttpUser", model))
    mine, theirs, others = map(statistics.median, (desk, fast, slow))
    sys.stdout.write(
        f"{model}: {mine:.0f}, FastHttpUser {theirs:.0f}, HttpUser {others:.0f}\n"
    )  # with `-s`

    assert mine >= 0.9 * theirs
    assert mine >= 3 * others
