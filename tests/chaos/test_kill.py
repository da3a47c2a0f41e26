"""A run is lost anywhere; then `resume` from a fresh clone, with nothing of the dead run's machine.

`DESK_CHAOS_ROUNDS=200 DESK_CHAOS_SEED=7 pytest tests/chaos/test_kill.py` goes on longer.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import DEV, STAGING, Elsewhere, next_version, resumed, settled
from tests.chaos.deaths import KILL, KILL_ALL, STOP, Lost, strike
from tests.integration.desk import Desk
from tests.support import skips

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
STEPS = {"start": 0.6, "lock": 0.08, "build": 1.2, "scan": 0.08, "rehearse": 0.3, "migrate": 2.5}
STEPS |= {"publish": 1.0, "verify": 0.4, "finish": 0.08}  # seconds that each takes at most
TASKS = {
    "deploy": (("deploy", "--env", DEV), DEV, "develop"),
    "promote": (("promote", "--to", STAGING), STAGING, "staging"),
    "rollback": (("rollback", "--env", DEV, "--reason", "chaos"), DEV, None),
}
pytestmark = pytest.mark.timeout(60 * 60 * 4)


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


def lose_a_resume(desk: Desk, dice: random.Random, environment: str, folder: Path) -> str:
    """Now and then the one who resumes dies as well; says how."""
    if dice.random() > 0.25:
        return ""
    elsewhere = Elsewhere.of(desk, folder / "first")
    way, wait = dice.choice([KILL, KILL_ALL]), dice.uniform(0, 12)
    arguments = ("resume", "--env", environment)
    strike(desk, arguments, f"start+{wait:.3f}", way, AIRHOST_ENV_DIR=str(elsewhere.env_dir)).wake()
    return f"; a resume was {way} after {wait:.1f} s"


def facts(desk: Desk, environment: str) -> tuple[object, ...]:
    """What a run that wakes up late must not change."""
    return desk.versions(environment), desk.served(environment), desk.refs()


def woken(desk: Desk, lost: Lost, environment: str, said: str) -> None:
    """The stopped run goes on to its end, and changes nothing."""
    before = facts(desk, environment)
    call = lost.wake()
    assert call is None or call.code or call.document["ending"] == "nothing", f"{said}\n{call.err}"
    assert before == facts(desk, environment), f"{said}\n{call.err if call else ''}"


def round_(desk: Desk, dice: random.Random, number: int, folder: Path) -> str:
    """One death and one resurrection; returns what was done, for the report."""
    task = dice.choice(list(TASKS))
    arguments, environment, branch = TASKS[task]
    step, way = dice.choice(list(STEPS)), dice.choice([KILL, KILL_ALL, STOP])
    point = f"{step}+{dice.uniform(0, STEPS[step]):.3f}"
    change(desk, dice, number)
    if task != "deploy":
        again(desk, "deploy", "--env", DEV)
    lost = strike(desk, arguments, point, way)
    undo = ["--undo"] if dice.random() < 0.3 else []
    said = f"round {number}: {task} {way} at {point}{lose_a_resume(desk, dice, environment, folder)}"
    held = any(ref.startswith("refs/deploy/lock/") for ref in desk.refs())
    call = resumed(desk, environment, folder, *undo)
    ending = call.document.get("ending")
    said += f", {'undo ' if undo else ''}-> {ending}"
    assert call.code == 0, f"{said}\n{call.err}"
    if held and ending != "nothing":
        woken(desk, lost, environment, said)
    else:  # it had no lock yet, or its last push was on its way to the remote: it may go on
        lost.wake()
        resumed(desk, environment, folder)
    settled(desk, environment, None)
    if task == "rollback":
        desk("release-hold", "--env", DEV, "--reason", "chaos")
        again(desk, "deploy", "--env", DEV, "--allow-bad", "chaos")
    else:  # nothing had begun, it was undone, or it is done already
        again(desk, *arguments)
    settled(desk, environment, branch or "develop")
    return said


@pytest.mark.parametrize(
    "desk",
    [pytest.param(None, id="workspace"), pytest.param("launcher", marks=skips.LONG)],
    indirect=True,
)
def test_lost_anywhere_resumed_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """After each death the world is as if nothing had happened, or as if the run had not begun."""
    dice = random.Random(SEED)
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    began = time.monotonic()
    for number in range(1, ROUNDS + 1):
        print(round_(desk, dice, number, tmp_path), flush=True)
    print(f"{ROUNDS} rounds with seed {SEED} in {time.monotonic() - began:.0f} s: 0 failures")
