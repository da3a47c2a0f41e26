"""A run that is stopped whole, is settled elsewhere, and wakes up afterwards: it may change nothing more.

`DESK_CHAOS_ROUNDS=100 DESK_CHAOS_SEED=7 pytest tests/chaos/test_woken_owner.py` goes on longer.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.conftest import DEV, next_version, resumed, settled
from tests.chaos.test_kill import journals, own
from tests.integration.desk import Desk, ended

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "3"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
STEPS = {"lock": 0.1, "build": 1.2, "rehearse": 0.3, "migrate": 2.5, "publish": 1.0, "verify": 0.3}
pytestmark = pytest.mark.timeout(60 * 60 * 4)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def stop_at(desk: Desk, step: str, wait: float) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a deploy and stop all of its processes so long after the step began."""
    known = journals(desk)
    child = desk.start("deploy", "--env", DEV)
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        new = [path for path in journals(desk) if path not in known]
        if any(f'"step": "{step}"' in path.read_text() for path in new):
            break
        time.sleep(0.002)
    time.sleep(wait)
    stopped = [child.pid]
    send(stopped, signal.SIGSTOP)  # first, so that it starts nothing more
    while more := [pid for pid in own(child.pid) if pid not in stopped]:
        send(more, signal.SIGSTOP)
        stopped += more
    return child, stopped


def round_(desk: Desk, dice: random.Random, number: int, folder: Path) -> str:
    """One stopped owner and its successor."""
    version = next_version()
    sleep = dice.choice(["", "select pg_sleep(1);"])
    files = {f"supabase/migrations/{version}_w.sql": f"{sleep}create table w{version}();\n"}
    commit = desk.commit({"NOTES.md": f"woken {number}\n", **files}, f"round {number}")
    step = dice.choice([*STEPS, "migrate", "migrate"])
    wait = dice.uniform(0, STEPS[step])
    undo = ["--undo"] if dice.random() < 0.7 else []
    child, stopped = stop_at(desk, step, wait)
    try:
        call = resumed(desk, DEV, folder, *undo)
        before = desk.versions(DEV), desk.served(DEV), desk.refs()
    finally:
        send(stopped, signal.SIGCONT)
    late = ended(child)
    said = f"round {number}: stopped at {step}+{wait:.3f}, {undo} -> {call.document['message']}"
    assert call.code == 0, f"{said}\n{call.err}"
    assert before == (desk.versions(DEV), desk.served(DEV), desk.refs()), f"{said}\n{late.err}"
    settled(desk, DEV, None)
    if desk.served(DEV) != commit:
        again = desk("deploy", "--env", DEV, "--wait")
        assert again.code == 0, f"{said}\n{again.err}"
    settled(desk, DEV, "develop")
    return said


def test_a_woken_owner_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    """What `resume` said stays true, whenever the owner was stopped."""
    dice = random.Random(SEED)
    for number in range(ROUNDS):
        print(f"seed {SEED}: {round_(desk, dice, number, tmp_path)}", flush=True)
