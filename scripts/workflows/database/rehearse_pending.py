"""What is pending, tried on the real server and on a copy of its last backup; measured for the plan."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.adapters.database import trial
from scripts.adapters.database.postgres import Postgres
from scripts.domain.database import backups, measure
from scripts.domain.database.measure import Measured
from scripts.domain.database.migrations import Applied, Migration, compare
from scripts.domain.release.ledger import Ledger
from scripts.domain.settings import Environment
from scripts.workflows.database import masked_archive, trying
from scripts.workflows.database.at_hand import fetched
from scripts.workflows.database.restored import restored
from scripts.workflows.toolbox import Toolbox


def pending(
    tools: Toolbox, environment: Environment, committed: Sequence[Migration], ledger: Ledger
) -> tuple[list[Migration], list[Measured]]:
    """What waits to be applied there, and what was measured of it.

    Raises:
        ReleaseFailed: one of them fails.
        Refused: one would keep writers out for too long.
        CommandFailed: a table was busy.
    """
    database = tools.database(environment)
    if database is None:
        return [], []
    postgres = Postgres(database)
    rows = [Applied(*row) for row in postgres.history()]
    waiting = list(compare(committed, rows).pending)
    if not waiting:
        return [], []
    copied = _on_a_copy(tools, environment, committed, waiting, ledger)
    with postgres.exclusive(trying.WAIT_FOR_LOCK):
        here = trying.measured(tools, environment, database, waiting)
    trying.refuse_long(tools, environment, here)
    known = {each.file for each in here}
    return waiting, [*here, *(each for each in copied if each.file not in known)]


def _on_a_copy(
    tools: Toolbox,
    environment: Environment,
    committed: Sequence[Migration],
    waiting: Sequence[Migration],
    ledger: Ledger,
) -> list[Measured]:
    """First in one transaction, to measure; then with the real CLI, those too that no transaction takes."""
    proven = [each.id for each in backups.known(ledger, environment.name).values() if each.proven]
    if not proven:
        tools.progress.note(f"no proven backup of {environment.name}: not rehearsed on a copy")
        return []
    with (
        fetched(tools, environment, proven[-1], ledger) as (folder, manifest),
        restored(tools, environment, folder, manifest) as copy,
    ):
        able, _ = measure.trials(waiting)
        limit = tools.settings.supabase.push_timeout
        files = [(each.file, each.sql) for each in able]
        done = trial.tried(copy, files, lock_timeout=limit, limit=limit)
        began = tools.clock()
        masked_archive.migrate(tools, copy, committed)
        took = tools.clock() - began
        where = f"the copy of {proven[-1]}"
        tools.progress.note(f"{len(waiting)} applied by the CLI in {took:.1f} s on {where}")
    good = [each for each in done if each.fault is None]
    found = [Measured(e.file, where, e.seconds, e.locks, e.rewritten, e.rows) for e in good]
    return list(measure.with_held_locks(found, dict(files)))
