"""How a real `deploy` grows with the commits that the workspace lacks, beside the script by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench.benches.release import BESIDE, deploys
from tests.bench.clock import Spent
from tests.bench.figures import exponent
from tests.bench.parts.desk import typed, where
from tests.bench.parts.histories import onto
from tests.bench.parts.scripted import publish_takes, script
from tests.bench.parts.worlds import lacks, released
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row
from tests.support.repositories import Repository

COMMITS = (1_000, 10_000, 100_000)


def measure(run: Run) -> Iterator[Row]:
    """For each size the first deploy after so many new commits, once, and those that follow."""
    world = released(run)
    publish_takes(world, 0)
    by_hand = script(run, world, "one")
    found: dict[str, list[tuple[float, Spent]]] = {"first": [], "next": []}
    for commits in COMMITS:
        onto(Repository(world.origin), "develop", commits)
        mine = typed("deploy", "--env", "development", "--json", env_dir=world.env_dir)
        found["first"].append((float(commits), mine))
        note = where([mine])
        yield Row.of(f"first after {commits:,} commits", [mine], [by_hand()], beside=BESIDE, note=note)
        nexts, other = deploys(run, world, world.env_dir, by_hand, _change)
        found["next"] += [(float(commits), each) for each in nexts]
        yield Row.of(f"next, {commits:,} commits", nexts, other, beside=BESIDE, note=where(nexts))
    for name, points in found.items():
        slope = exponent([(size, spent.seconds) for size, spent in points])
        yield Row.of(f"{name}, growth", [spent for _, spent in points], exponent=slope)


def _change() -> dict[str, str]:
    return {"NOTES.md": f"{time.time()}\n"}


BENCH = Bench(
    "growth-deploy",
    "a code-only `deploy` after 1,000, 10,000 and 100,000 new commits, which the workspace fetches, and the"
    " deploys that follow; beside the script by hand",
    "none; its growth is told",
    measure,
    lacks,
)
