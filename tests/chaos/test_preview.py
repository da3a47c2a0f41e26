"""A `preview.up` is killed anywhere; a sweep on another machine ends it, or the next `preview.up` fixes it.

`DESK_LONG=1 DESK_PREVIEW_ROUNDS=100 DESK_CHAOS_SEED=7 pytest tests/chaos/test_preview.py` goes on longer.
"""

from __future__ import annotations

import json
import os
import random
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.chaos.conftest import Elsewhere
from tests.chaos.deaths import KILL, KILL_ALL, strike
from tests.integration.desk import Desk, git
from tests.support import skips
from tests.support.processes import command_lines, wait_until
from tests.support.sandboxes import ready_slot

ROUNDS = int(os.environ.get("DESK_PREVIEW_ROUNDS", "8"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
BRANCH = "feature/chaos"
pytestmark = [pytest.mark.timeout(60 * 60 * 4), skips.LONG]


def push(desk: Desk, place: Path, number: int, dice: random.Random) -> str:
    """A commit on the feature branch, now and then with a migration; returns its id."""
    if not place.exists():
        git(desk.world.folder, "clone", "-q", str(desk.world.origin), str(place))
        git(place, "checkout", "-q", "-b", BRANCH)
    (place / "NOTES.md").write_text(f"round {number}\n")
    if dice.random() < 0.5:
        file = place / f"supabase/migrations/22{time.time_ns() // 10**7}_chaos.sql"
        file.write_text(f"create table public.chaos_{number} (a int);\n")
    git(place, "add", "-A")
    git(
        place,
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=a@example.invalid",
        "commit",
        "-qm",
        f"round {number}",
    )
    git(place, "push", "-q", "origin", BRANCH)
    return git(place, "rev-parse", "HEAD")


def served(desk: Desk) -> str | None:
    """The commit that the slot's URL answers with."""
    try:
        with urllib.request.urlopen(f"{desk.world.slots[0].url}/version.json", timeout=5) as response:
            return str(json.load(response)["commit"])
    except (urllib.error.URLError, OSError, ValueError):
        return None


def databases(desk: Desk) -> list[str]:
    """The databases of previews."""
    with desk.world.postgres.connect("postgres") as connection:
        rows = connection.execute("select datname from pg_database where datname like 'preview%'")
        return [str(row[0]) for row in rows]


def apps(desk: Desk) -> list[str]:
    """The processes of features that the slot runs."""
    found = []
    for pid, line in command_lines().items():
        try:
            here = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue
        if here.is_relative_to(desk.world.slots[0].host / "published") and "server/index.js" in line:
            found.append(line)
    return found


def round_(desk: Desk, dice: random.Random, number: int, folder: Path, longest: float) -> str:
    """One death within so many seconds, and what comes after it; returns what was done, for the report."""
    commit = push(desk, folder / "work", number, dice)
    way, wait = dice.choice([KILL, KILL_ALL]), dice.triangular(0.2, longest, longest / 4)
    strike(desk, ("preview.up", "--branch", BRANCH), f"start+{wait:.3f}", way).wake()
    held = sorted(desk.refs("refs/deploy/"))
    if dice.random() < 0.4:
        call = desk("preview.up", "--branch", BRANCH, "--wait")
        said = f"round {number}: {way} after {wait:.1f} s, {held} -> up again: {call.code}"
        assert (call.code, served(desk)) == (0, commit), f"{said}\n{call.err}"
        assert sorted(desk.refs("refs/deploy/")) == ["refs/deploy/preview/one"], said
        return said
    elsewhere = Elsewhere.of(desk, folder / "elsewhere")
    call = desk("preview.sweep", AIRHOST_ENV_DIR=str(elsewhere.env_dir))
    said = f"round {number}: {way} after {wait:.1f} s, {held} -> swept: {call.document.get('ended')}"
    assert call.code == 0, f"{said}\n{call.err}"
    if held == ["refs/deploy/preview/one"] and not call.document["ended"]:  # it had come to its end
        call = desk("preview.down", "--branch", BRANCH)
        assert call.code == 0, f"{said}\n{call.err}"
    assert (desk.refs("refs/deploy/"), databases(desk)) == ({}, []), f"{said}\n{call.err}"
    assert wait_until(lambda: not apps(desk), 30), f"{said}\n{call.err}"
    return said


def test_killed_anywhere_swept_from_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """Nothing is left of it, or it is up; never something between that nobody can settle."""
    ready_slot(desk.world, "one")
    dice = random.Random(SEED)
    push(desk, tmp_path / "work", 0, dice)
    began = time.monotonic()
    assert desk("preview.up", "--branch", BRANCH).code == 0
    longest = time.monotonic() - began  # of a run that is not disturbed
    assert desk("preview.down", "--branch", BRANCH).code == 0
    print(f"\nseed {SEED}, {ROUNDS} rounds, each within {longest:.1f} s")
    for number in range(1, ROUNDS + 1):
        print(round_(desk, dice, number, tmp_path, longest), flush=True)
