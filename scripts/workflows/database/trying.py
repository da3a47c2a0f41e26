"""Pending migrations tried on the very database: what fails there leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scripts.adapters.database import trial
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.postgres import Postgres
from scripts.adapters.database.trial import APART, BUSY, LATE, SERVER, Tried
from scripts.domain.database import measure
from scripts.domain.database.measure import Measured
from scripts.domain.database.migrations import Migration
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed
from scripts.shell.runner import quoted
from scripts.workflows.run.run import Run
from scripts.workflows.toolbox import Toolbox

ADDS_VALUE = re.compile(r"\badd\s+value\b", re.IGNORECASE)
WAIT_FOR_LOCK = 30.0  # seconds that another migration may take before we give up


def rehearse(run: Run) -> None:
    """The pending migrations, in one transaction that is rolled back; measured, and judged.

    Raises:
        ReleaseFailed: one of them fails.
        Refused: one would keep writers out for too long.
        CommandFailed: a table was busy: another try may well succeed.
    """
    database = run.tools.database(run.environment)
    pending = run.plan.comparison.pending
    if database is None or not run.tools.settings.rehearse.before:
        return
    with run.step("rehearse", f"{len(pending)} on {run.environment.name}, rolled back"):
        with Postgres(database).exclusive(WAIT_FOR_LOCK):
            run.measured = measured(run.tools, run.environment, database, pending)
        refuse_long(run.tools, run.environment, run.measured)


def measured(
    tools: Toolbox, environment: Environment, database: Database, pending: Sequence[Migration]
) -> tuple[Measured, ...]:
    """Try what can be tried in one transaction, and say what it did; the caller holds the database's lock.

    Raises:
        ReleaseFailed, Refused, CommandFailed: see `rehearse`.
    """
    able, unable = measure.trials(pending)
    for migration, word in unable:
        tools.progress.note(f"{migration.file}: holds `{word}`: it can only be tried on a copy")
    limits, block = tools.settings.supabase, tools.settings.rehearse.block
    files = [(each.file, each.sql) for each in able]
    done = trial.tried(database, files, lock_timeout=limits.lock_timeout, limit=block)
    first = unable[0][0] if unable else None
    for each in done:
        if each.fault is not None:
            if _leans(each, able, first):
                tools.progress.note(f"{each.file}: not tried to the end, it needs what comes before it")
                break
            raise fault_of(environment, each, block)
    good = [each for each in done if each.fault is None]
    found = measure.with_held_locks([_measured(each, environment.name) for each in good], dict(files))
    for known in found:
        tools.progress.note(f"{known.file}: {'; '.join(known.words())}")
    return found


def refuse_long(tools: Toolbox, environment: Environment, found: Sequence[Measured]) -> None:
    """No migration may keep writers out for longer than `[rehearse] block`.

    Raises:
        Refused: one does; it is named.
    """
    block = tools.settings.rehearse.block
    for each in measure.too_long(found, block):
        tables = ", ".join(f"`{table}`" for table in each.keeps_out)
        raise Refused(
            f"`{each.file}` would keep writers out of {tables} on {environment.name}"
            f" for {each.seconds:g} s; nothing was changed",
            "split it (add, fill in batches, then constrain), or allow more: `[rehearse] block`",
        )


def fault_of(environment: Environment, failed: Tried, block: float) -> DeskError:
    """Why the rehearsal ended early, as the error that it is."""
    where = f" (line {failed.line})" if failed.line else ""
    said = quoted(failed.fault or "")
    if failed.kind == BUSY:
        return CommandFailed(
            f"`{failed.file}` got no lock on {environment.name}: a table is busy, nothing was changed"
            f"{said}",
            "try again when less is going on; `select * from pg_stat_activity` says who holds it",
        )
    if failed.kind == LATE:
        return Refused(
            f"`{failed.file}` takes longer than {block:g} s on {environment.name}, and may keep writers out"
            f" as long; nothing was changed",
            "split it (add, fill in batches, then constrain), or allow more: `[rehearse] block`",
        )
    if failed.kind == SERVER:
        return CommandFailed(
            f"{environment.name} broke off the rehearsal of `{failed.file}`{said}", "try again"
        )
    return ReleaseFailed(
        f"migration `{failed.file}` fails on {environment.name}{where}, seen in a rehearsal;"
        f" nothing was changed{said}",
        "mend the file in a new commit",
    )


def _measured(done: Tried, where: str) -> Measured:
    return Measured(done.file, where, done.seconds, done.locks, done.rewritten, done.rows)


def _leans(failed: Tried, able: Sequence[Migration], left_out: Migration | None) -> bool:
    """It failed for want of what was left out, or of a value that an earlier file adds to an enum."""
    own = next(each for each in able if each.file == failed.file)
    if failed.kind == APART:
        return own is not able[0] and ADDS_VALUE.search(own.sql) is None
    return left_out is not None and not failed.kind and left_out.version < own.version
