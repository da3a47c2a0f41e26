"""`status` of three environments, beside the slowest single look that it is made of."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from functools import partial

from scripts.sandbox.world_facts import World
from tests.bench.clock import spend
from tests.bench.parts.desk import typed
from tests.bench.parts.worlds import Place, beside, far_away, lacks, released
from tests.bench.plan import Bench, Limit, Run
from tests.bench.turns import Row, Way, take_turns

AWAY = 0.3  # seconds there and back
SQL = "select version from supabase_migrations.schema_migrations"
LOOK = "cd {workspace} && git status --porcelain && git rev-parse HEAD"


def measure(run: Run) -> Iterator[Row]:
    """A row for the world beside us, and one for a remote and URLs that are far away."""
    world = released(run)
    yield _row("`status`, 3 environments", run, world, beside(world))
    yield _row("the same, remote and URLs 300 ms away", run, world, far_away(run, world, AWAY))


def _row(case: str, run: Run, world: World, place: Place) -> Row:
    looks = probes(world, place)
    taken = take_turns({"status": partial(typed, "status", env_dir=place.env_dir), **looks}, run.runs)
    mine = taken.pop("status")
    slowest = [max(turn, key=lambda each: each.seconds) for turn in zip(*taken.values(), strict=True)]
    told = ", ".join(
        f"{name} {statistics.median(each.seconds for each in every):.2f}" for name, every in taken.items()
    )
    return Row.of(case, mine, slowest, beside="the slowest probe", limit=Limit(ratio=1.3), note=told)


def probes(world: World, place: Place) -> Mapping[str, Way]:
    """One look each: at a URL, at the remote, at a database, at a workspace."""
    found: dict[str, Way] = {
        "git ls-remote": partial(spend, "git", "ls-remote", "origin", cwd=place.repository)
    }
    for own in world.environments:
        curl = ("curl", "-sf", f"{place.urls[own.name]}/version.json")
        psql = (world.postgres.bin / "psql", "-Atc", SQL, own.database_url)
        ssh = ("ssh", "-F", world.ssh_config, own.alias, LOOK.format(workspace=own.workspace))
        found |= {
            f"{name} {own.name}": partial(spend, *argv, cwd=place.repository)
            for name, argv in (("curl", curl), ("psql", psql), ("ssh", ssh))
        }
    return found


BENCH = Bench(
    "status",
    "`status` of three environments, beside the slowest of `git ls-remote`, and `curl`, `psql` and `ssh`"
    " of each environment; also with a git remote over HTTP and URLs 300 ms away",
    "1.3 x",
    measure,
    lacks,
)
