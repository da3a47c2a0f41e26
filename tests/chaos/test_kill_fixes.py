"""A hotfix or a back-merge is lost anywhere; then `resume` from a fresh clone, and the same command again.

`DESK_LONG=1 DESK_CHAOS_ROUNDS=50 pytest -s tests/chaos/test_kill_fixes.py` goes on longer.
"""

from __future__ import annotations

import os
import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.chaos.conftest import resumed, settled
from tests.chaos.deaths import KILL, KILL_ALL, STOP, strike
from tests.chaos.test_kill import SEED, again, lose_a_resume, woken
from tests.integration.desk import Desk, git
from tests.support import skips

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "1"))
PRODUCTION = "production"
STEPS = {"start": 0.8, "lock": 0.1, "build": 1.2, "scan": 0.1, "publish": 1.0, "verify": 0.4, "finish": 1.2}
BRANCHES = ("develop", "staging", "main")
NAME = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid")
pytestmark = [pytest.mark.timeout(60 * 60 * 4), skips.LONG]


def commit_on(desk: Desk, folder: Path, start: str, branch: str, text: str) -> None:
    """Push a commit with a file of its own, made on top of a branch."""
    clone = folder / branch.replace("/", "-")
    git(folder, "clone", "-q", "--branch", start, str(desk.world.origin), str(clone))
    (clone / f"{folder.name}.md").write_text(text)
    git(clone, "add", f"{folder.name}.md")
    git(clone, *NAME, "commit", "-qm", text)
    git(clone, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")


def held(desk: Desk) -> list[str]:
    """The environments that are locked."""
    lock = "refs/deploy/lock/"
    return [ref.removeprefix(lock) for ref in desk.refs() if ref.startswith(lock)]


def round_(desk: Desk, dice: random.Random, number: int, folder: Path) -> str:
    """One death and one resurrection; returns what was done, for the report."""
    task, way = dice.choice(["hotfix", "backmerge"]), dice.choice([KILL, KILL_ALL, STOP])
    folder.mkdir()
    if task == "hotfix":
        branch = f"hotfix/{folder.parent.name}-{number}"
        commit_on(desk, folder, "main", branch, f"{task} {number}\n")
        arguments: tuple[str, ...] = ("hotfix", "--branch", branch, "--yes")
        step = dice.choice(list(STEPS))
        point = f"{step}+{dice.uniform(0, STEPS[step]):.3f}"
    else:
        commit_on(desk, folder, "staging", "staging", f"{task} {number}\n")
        arguments, point = ("backmerge", "--all", "--yes"), f"start+{dice.uniform(0.1, 2.0):.3f}"
    lost = strike(desk, arguments, point, way)
    said = f"round {number}: {task} {way} at {point}"
    locked = held(desk)
    if locked:
        said += lose_a_resume(desk, dice, locked[0], folder)
        call = resumed(desk, locked[0], folder, "--yes", *(["--undo"] if dice.random() < 0.3 else []))
        assert call.code == 0, f"{said}\n{call.err}"
        said += f" -> {call.document['message'].splitlines()[0]}"
        woken(desk, lost, locked[0], said)
    else:  # it had no lock yet, or has it no more: it may go on
        lost.wake()
    for environment in held(desk):
        resumed(desk, environment, folder, "--yes")
    again(desk, *arguments)
    settled(desk, PRODUCTION, "main")
    heads = [desk.refs()[f"refs/heads/{branch}"] for branch in BRANCHES]
    for earlier, later in pairwise(heads):  # each branch holds what the one after it has
        git(desk.world.origin, "merge-base", "--is-ancestor", later, earlier)
    return said


def test_a_fix_is_lost_anywhere(desk: Desk, tmp_path: Path) -> None:
    """It is live and brought back to every branch, however the first try ended."""
    dice = random.Random(SEED)
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    again(desk, "promote", "--to", PRODUCTION, "--yes")
    for number in range(1, ROUNDS + 1):
        print(round_(desk, dice, number, tmp_path / str(number)), flush=True)
    print(f"{ROUNDS} rounds with seed {SEED}: 0 failures")
