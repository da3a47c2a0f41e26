"""Every bench, in the order in which they run."""

from __future__ import annotations

from tests.bench.benches import (
    check,
    database,
    growth_commits,
    growth_deploy,
    growth_environments,
    growth_ledger,
    growth_migrations,
    launcher,
    load,
    load_wrk,
    monitor,
    page,
    release,
    release_far,
    release_migration,
    rollback_warm,
    scan,
    startup,
    status,
)
from tests.bench.plan import Bench

BENCHES: tuple[Bench, ...] = (
    startup.BENCH,
    status.BENCH,
    check.BENCH,
    release.BENCH,
    release_far.BENCH,
    release_migration.BENCH,
    rollback_warm.BENCH,
    database.BENCH,
    scan.BENCH,
    load.BENCH,
    load_wrk.BENCH,
    launcher.BENCH,
    monitor.BENCH,
    page.BENCH,
    growth_ledger.BENCH,
    growth_commits.BENCH,
    growth_migrations.BENCH,
    growth_environments.BENCH,
    growth_deploy.BENCH,
)
