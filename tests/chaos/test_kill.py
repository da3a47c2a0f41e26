"""SIGKILL anywhere; then `resume` from a fresh clone, with nothing of the dead run's machine.

`DESK_CHAOS_ROUNDS=200 DESK_CHAOS_SEED=7 pytest tests/chaos` goes on longer; the seed is printed.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.conftest import DEV, STAGING, next_version, resumed, settled
from tests.integration.desk import Desk
from tests.support.processes import command_lines, descendants

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "2"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
STEPS = ("lock", "build", "scan", "migrate", "publish", "verify", "finish")
pytestmark = pytest.mark.timeout(60 * 60 * 4)


def own(pid: int) -> list[int]:
    """Its descendants, but for the remote's side of a push or fetch: no crash of ours ends that."""
    remote = {
        each for each, line in command_lines().items() if "receive-pack" in line or "upload-pack" in line
    }
    theirs = {below for each in remote for below in (each, *descendants(each))}
    return [each for each in descendants(pid) if each not in theirs]


def journals(desk: Desk) -> dict[Path, int]:
    runs = desk.world.env_dir.parent / ".airhost" / "runs"
    try:
        return {path: path.stat().st_size for path in runs.glob("*/*.jsonl")}
    except FileNotFoundError:  # the desk is just removing an old one
        return journals(desk)


def kill_at(desk: Desk, arguments: tuple[str, ...], point: str, *, everything: bool) -> None:
    """SIGKILL the desk when its journal says that it has come to the point, or after a time.

    With `everything` its children too, as when a machine dies; without, they live on as orphans.
    """
    step, _, wait = point.partition("+")
    known = journals(desk)
    child = desk.start(*arguments)
    deadline = time.monotonic() + 60
    if step != "start":
        wanted = f'"step": "{step}"'
        while child.poll() is None and time.monotonic() < deadline:
            new = [path for path in journals(desk) if path not in known]
            if any(wanted in path.read_text() for path in new):
                break
            time.sleep(0.002)
    time.sleep(float(wait or 0))
    victims = [child.pid, *(own(child.pid) if everything else ())]
    if child.poll() is None:
        for each in victims:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
    child.communicate()


TASKS = {
    "deploy": (("deploy", "--env", DEV), DEV, "develop"),
    "promote": (("promote", "--to", STAGING), STAGING, "staging"),
    "rollback": (("rollback", "--env", DEV, "--reason", "chaos"), DEV, None),
}


def change(desk: Desk, dice: random.Random, number: int) -> None:
    """A commit, more often than not with a migration, sometimes a slow one."""
    files = {"NOTES.md": f"round {number}\n"}
    if dice.random() < 0.6:
        sleep = dice.choice(["", "select pg_sleep(0.4);"])
        version = next_version()
        files[f"supabase/migrations/{version}_r.sql"] = f"{sleep}create table r{version}();\n"
    desk.commit(files, f"round {number}")


def again(desk: Desk, *arguments: str) -> None:
    """What ends a round: the same task, undisturbed."""
    call = desk(*arguments, "--wait")
    assert call.code == 0, call.err


def round_(desk: Desk, dice: random.Random, number: int, folder: Path) -> str:
    """One death and one resurrection; returns what was done, for the report."""
    task = dice.choice(list(TASKS))
    arguments, environment, branch = TASKS[task]
    step = dice.choice(["start", *STEPS])
    longest = {"start": 0.6, "migrate": 1.2, "build": 1.2, "verify": 0.4}.get(step, 0.08)
    point = f"{step}+{dice.uniform(0, longest):.3f}"
    change(desk, dice, number)
    if task != "deploy":
        again(desk, "deploy", "--env", DEV)
    everything = dice.random() < 0.5
    kill_at(desk, arguments, point, everything=everything)
    undo = ["--undo"] if dice.random() < 0.3 else []
    call = resumed(desk, environment, folder, *undo)
    ending = call.document.get("ending")
    whole = "with all its children " if everything else ""
    said = f"round {number}: {task} killed {whole}at {point}, {'undo ' if undo else ''}-> {ending}"
    assert call.code == 0, f"{said}\n{call.err}"
    settled(desk, environment, None)
    if task == "rollback":
        desk("release-hold", "--env", DEV, "--reason", "chaos")
        again(desk, "deploy", "--env", DEV, "--allow-bad", "chaos")
    elif ending == "nothing" or undo:  # nothing had begun, or it was undone: do it now
        again(desk, *arguments)
    settled(desk, environment, branch or "develop")
    return said


def test_killed_anywhere_resumed_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """After each death the world is as if nothing had happened, or as if the run had not begun."""
    dice = random.Random(SEED)
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    for number in range(1, ROUNDS + 1):
        print(round_(desk, dice, number, tmp_path), flush=True)
    print(f"{ROUNDS} rounds with seed {SEED}: 0 failures")
