"""How `status`, `history` and a plan grow with the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scripts.git.isolation import CACHE
from tests.bench.clock import Spent
from tests.bench.parts.desk import typed
from tests.bench.parts.quiet_world import quiet_world
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, growth

EVENTS = (10, 200, 2_000, 10_000)
COMMITS = 1_000
CALLS = {
    "status": ("status",),
    "history": ("history",),
    "deploy --plan": ("deploy", "--env", "development", "--plan"),
}


def measure(run: Run) -> Iterator[Row]:
    """Rows for each call, and its growth; once more where nothing is known from an earlier call."""
    worlds = {events: quiet_world(run, commits=COMMITS, events=events) for events in EVENTS}
    for name, words in CALLS.items():
        ways = {events: partial(typed, *words, env_dir=env_dir) for events, env_dir in worlds.items()}
        yield from growth(name, "events", ways, run.runs)
    ways = {events: partial(_cold, env_dir) for events, env_dir in worlds.items()}
    yield from growth("history, a new clone", "events", ways, run.runs)


def _cold(env_dir: Path) -> Spent:
    """`history` of a clone that has read nothing of the ledger yet."""
    for known in (env_dir.parent / "app" / ".git").glob(f"*/{CACHE}"):
        shutil.rmtree(known)
    return typed("history", env_dir=env_dir)


BENCH = Bench(
    "growth-ledger",
    "`status`, `history` and `deploy --plan` with 10, 200, 2,000 and 10,000 events in the ledger;"
    " `history` also of a clone that has read none of them yet",
    "none; its growth is told",
    measure,
)
