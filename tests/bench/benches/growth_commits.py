"""How `status`, `history` and a plan grow with the app's history."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.benches.growth_ledger import CALLS
from tests.bench.parts.desk import typed
from tests.bench.parts.quiet_world import quiet_world
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, growth

COMMITS = (1_000, 10_000, 100_000)
EVENTS = 200


def measure(run: Run) -> Iterator[Row]:
    """Rows for each call, and its growth; `status` also where the next environments lack all commits."""
    worlds = {commits: quiet_world(run, commits=commits, events=EVENTS) for commits in COMMITS}
    behind = {commits: quiet_world(run, commits=commits, events=EVENTS, behind=True) for commits in COMMITS}
    cases = [(name, words, worlds) for name, words in CALLS.items()]
    for name, words, each in [*cases, ("status, all waiting", CALLS["status"], behind)]:
        ways = {commits: partial(typed, *words, env_dir=env_dir) for commits, env_dir in each.items()}
        yield from growth(name, "commits", ways, run.runs)


BENCH = Bench(
    "growth-commits",
    "`status`, `history` and `deploy --plan` with 1,000, 10,000 and 100,000 commits; `status` also where"
    " staging and production lack nearly all of them",
    "none; its growth is told",
    measure,
)
