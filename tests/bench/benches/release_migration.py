"""A `deploy` that brings one migration, beside the script with `supabase db push`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from tests.bench.benches.release import BESIDE, MORE, deploys
from tests.bench.parts.desk import where
from tests.bench.parts.scripted import publish_takes, script
from tests.bench.parts.worlds import lacks, released
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row


def measure(run: Run) -> Iterator[Row]:
    """One row; the desk rehearses the migration first, and the script does not."""
    world = released(run)
    publish_takes(world, 0)
    by_hand = partial(script(run, world, "one"), migrates=True)
    mine, other = deploys(run, world, world.env_dir, by_hand, _migration)
    yield Row.of("`deploy`, one migration", mine, other, beside=BESIDE, limit=MORE, note=where(mine))


def _migration() -> dict[str, str]:
    """A new table and its way back."""
    version = f"22{time.time_ns() // 10**7}"[:14]
    name = f"{version}_bench.sql"
    return {
        f"supabase/migrations/{name}": f"create table public.bench_{version} (id bigint primary key);\n"
        f"alter table public.bench_{version} enable row level security;\n",
        f"supabase/rollbacks/{name}": f"drop table public.bench_{version};\n",
    }


BENCH = Bench(
    "release-migration",
    "a `deploy` with one migration, which the desk rehearses first, beside the script",
    "0.5 s more",
    measure,
    lacks,
)
