"""Every bench, in the order in which they run."""

from __future__ import annotations

from tests.bench.benches import (
    database,
    growth_commits,
    growth_ledger,
    release,
    release_far,
    release_migration,
    scan,
    startup,
    status,
)
from tests.bench.plan import Bench

BENCHES: tuple[Bench, ...] = (
    startup.BENCH,
    status.BENCH,
    release.BENCH,
    release_far.BENCH,
    release_migration.BENCH,
    database.BENCH,
    scan.BENCH,
    growth_ledger.BENCH,
    growth_commits.BENCH,
)
