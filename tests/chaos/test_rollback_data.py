"""A rollback `--with-data` that dies anywhere; then `resume`: both sides are old, or both are present.

`DESK_LONG=1 DESK_ROLLBACK_ROUNDS=100 pytest -s tests/chaos/test_rollback_data.py` goes on longer.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.conftest import DEV, next_version, resumed, settled
from tests.chaos.deaths import KILL, KILL_ALL, strike
from tests.integration.desk import Desk
from tests.support import skips

ROUNDS = int(os.environ.get("DESK_ROLLBACK_ROUNDS", "2"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
STEPS = (
    *("lock", "build", "scan", "rehearse", "hold", "restore", "compare", "keep", "count", "switch"),
    *("publish", "verify", "analyze", "finish"),
)
ASIDE = "select nspname from pg_namespace where nspname like 'desk%' order by 1"
SCRATCH = "select datname from pg_database where datname like 'release_desk_scratch%'"
LEGACY = "select count(*) from public.legacy"
ON = ("--env", DEV)
pytestmark = [pytest.mark.timeout(60 * 60 * 4), skips.LONG]


@dataclass(frozen=True)
class Side:
    """A release, and the data that belong to it: a table that the newer release drops, and a row's text."""

    commit: str
    legacy: bool
    text: str


def side(desk: Desk) -> Side:
    """What is live, and which data there are."""
    tables = desk.sql(DEV, "select to_regclass('public.legacy') is not null")
    texts = desk.sql(DEV, "select string_agg(distinct name, ',') from public.kept")
    return Side(str(desk.served(DEV)), bool(tables[0][0]), str(texts[0][0]))


@pytest.fixture
def sides(desk: Desk) -> tuple[Side, Side]:
    """Two releases: the older, of which there is a backup, and the present one."""
    first, second = next_version(), f"{int(next_version()) + 10}"
    made = (
        "create table public.legacy as select i from generate_series(1, 40) i;\n"
        "create table public.kept (id int primary key, name text);\n"
        "insert into public.kept values (1, 'old');\n"
    )
    desk.commit({f"supabase/migrations/{first}_made.sql": made})
    assert desk("deploy", *ON).code == 0
    older = side(desk)
    assert desk("backup", *ON).document["proven"]
    dropped = "drop table public.legacy;\nupdate public.kept set name = 'new';\n"
    desk.commit({f"supabase/migrations/{second}_dropped.sql": dropped})
    assert desk("deploy", *ON, "--accept-irreversible").code == 0
    present = side(desk)
    assert (older.legacy, older.text, present.legacy, present.text) == (True, "old", False, "new")
    return older, present


def release(desk: Desk, commit: str) -> str:
    """The newest release of a commit that was proven live."""
    events = [each for each in reversed(desk.ledger()) if each["ending"] == "done"]
    return str(next(each["release"] for each in events if each["commit"] == commit))


def died(desk: Desk, older: Side, dice: random.Random) -> tuple[str, str]:
    """Begin, and SIGKILL it at some moment of some step; gives the step, and all in words."""
    step = dice.choice(["start", *STEPS])
    longest = {"start": 1.5, "build": 1.2, "verify": 0.6, "restore": 0.4, "rehearse": 0.6}.get(step, 0.1)
    point, way = f"{step}+{dice.uniform(0, longest):.3f}", dice.choice([KILL, KILL_ALL])
    scope = dice.choice(["tables", "full"])
    options = ("--scope", scope, "--to", release(desk, older.commit), "--allow-bad", "chaos", "--yes")
    strike(desk, ("rollback", *ON, *options), point, way).wake()
    return step, f"{scope} {way} at {point}"


def to_present(desk: Desk, present: Side) -> None:
    """By the way that a rollback names: the data first, then the code."""
    aside = desk.sql(DEV, ASIDE)
    run = str(aside[0][0]).removeprefix("desk_aside_").split("_")[0]
    back = desk("db.restore", run, "--from-aside", *ON, "--yes")
    assert back.code == 0, back.err
    options = ("--to", release(desk, present.commit), "--allow-bad", "chaos", "--yes")
    code = desk("rollback", *ON, *options)
    assert code.code == 0, code.err
    assert desk("release-hold", *ON, "--reason", "chaos").code == 0
    assert desk("db.drop-aside", *ON, "--yes").code == 0


def test_old_or_present_never_a_mixture(desk: Desk, sides: tuple[Side, Side], tmp_path: Path) -> None:
    """And nothing is left behind: no lock, no scratch database, no kept schemas of what was undone."""
    older, present = sides
    dice, met = random.Random(SEED), Counter[str]()
    for number in range(1, ROUNDS + 1):
        step, words = died(desk, older, dice)
        told = f"round {number} of seed {SEED}: {words}"
        undo = ["--undo"] if dice.random() < 0.3 else []
        elsewhere = dice.random() < 0.5
        call = resumed(desk, DEV, tmp_path, *undo) if elsewhere else desk("resume", *ON, *undo)
        told += f", resumed {'elsewhere' if elsewhere else 'here'} {undo}: {call.document.get('message')}"
        found = side(desk)

        assert call.code == 0, f"{told}\n{call.err}"
        began = step in ("start", "lock") or found == older or call.document["ending"] != "nothing"
        assert began, told
        assert found in (older, present), told
        assert desk.sql(DEV, SCRATCH) == [], told
        assert bool(desk.sql(DEV, ASIDE)) == (found == older), told
        settled(desk, DEV, None)
        if found == older:
            to_present(desk, present)
        assert side(desk) == present
        if desk("status").document["environments"][0]["hold"]:
            desk("release-hold", *ON, "--reason", "chaos")
        met["old" if found == older else "present"] += 1
        print(told.replace("\n", " "), flush=True)
    print(f"{ROUNDS} rounds with seed {SEED}: {dict(sorted(met.items()))}")
