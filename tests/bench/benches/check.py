"""`env.check` of three environments, beside the start of the desk."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.parts.desk import typed
from tests.bench.parts.worlds import lacks, released
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, side_by_side


def measure(run: Run) -> Iterator[Row]:
    """One row."""
    env_dir = released(run).env_dir
    mine, other = partial(typed, "env.check", env_dir=env_dir), partial(typed, "lock.show", env_dir=env_dir)
    yield side_by_side("`env.check`, 3 environments", mine, "`lock.show`", other, run.runs)


BENCH = Bench(
    "check",
    "`env.check` of three environments, beside `lock.show`, which reads the same configuration",
    "none",
    measure,
    lacks,
)
