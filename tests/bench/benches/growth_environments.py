"""How `status` grows with the environments."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.parts.desk import typed
from tests.bench.parts.quiet_world import quiet_world
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, growth

NUMBERS = (3, 10)


def measure(run: Run) -> Iterator[Row]:
    """Rows for each number, and its growth."""
    worlds = {number: quiet_world(run, commits=1_000, events=200, more=number - 3) for number in NUMBERS}
    ways = {number: partial(typed, "status", env_dir=env_dir) for number, env_dir in worlds.items()}
    yield from growth("status", "environments", ways, run.runs)


BENCH = Bench(
    "growth-environments", "`status` of 3 and 10 environments", "none; its growth is told", measure
)
