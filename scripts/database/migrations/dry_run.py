"""Dry-run pending migrations: in one rolled-back transaction on the real database, and on a copy.

Facts: the locks of a transaction are in `pg_locks` as long as it is open; a table that is rewritten
gets another file (`relfilenode`); `pg_stat_xact_all_tables` counts the rows of our own transaction;
sequences keep what was drawn from them; a new value of an enum can't be used before it is committed. If
the desk dies, `client_connection_check_interval` makes the server notice within a second.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups.scratch_server import scratch_copy
from scripts.database.backups.storage import fetch_backup, newest_proven
from scripts.database.migrations import measurements
from scripts.database.migrations.apply import bring_up_to_date
from scripts.database.migrations.files import Applied, Migration, app_tables, compare
from scripts.database.migrations.measurements import Measurement
from scripts.database.postgres import lock_watch
from scripts.database.postgres.client import WAIT_FOR_LOCK, Postgres, configured_database, session
from scripts.database.postgres.lock_watch import LockWatch
from scripts.database.postgres.trouble import trouble_of
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed
from scripts.state.ledger import Ledger
from scripts.system.background import submit
from scripts.system.process import quoted_lines
from scripts.system.secret import redact

if TYPE_CHECKING:
    import psycopg


# reads the catalogue alone: `pg_table_size` would wait for a lock on the table
TABLES = """select c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relfilenode,
  c.relkind = 'm', pg_stat_get_live_tuples(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p','m') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""
LOCKS = """select distinct relation, mode from pg_locks
where pid = pg_backend_pid() and locktype = 'relation' and granted"""
ROWS = """select relid, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_xact_all_tables
where n_tup_ins + n_tup_upd + n_tup_del > 0"""
EMPTY = 8192  # bytes of a table without rows: its map may have a page
SIZES = "select oid::oid, pg_table_size(oid::oid) from unnest(%s::oid[]) as t (oid)"
ADDS_VALUE = re.compile(r"\badd\s+value\b", re.IGNORECASE)
SPLIT = "split it (add, fill in batches, then constrain), or allow more: `[rehearse] block`"

# Why a file failed. `busy`: it got no lock in time; `late`: it hit the time limit; `server`: the server
# went away, or can't work now; `uncommitted`: it needs what an earlier file has to commit first;
# `file`: the file is wrong.
Cause = Literal["busy", "late", "server", "uncommitted", "file"]
CAUSES: Mapping[str, Cause] = {"55P03": "busy", "40P01": "busy", "57014": "late", "55P04": "uncommitted"}


class DryRun(NamedTuple):
    """One file that ran and was rolled back; tables that it made itself are left out.

    Args:
        locks: table -> lock modes that it took.
        rewritten: table -> bytes that were written anew.
        rows: table -> rows inserted, updated or deleted.
        updated: table -> rows changed; `deleted`: those that are gone. Not of materialized views.
        fault: the server's message if it failed.
        line: of the fault in the file, counted from 1; 0 if unknown.
        holder: for `busy`: the table, and who holds it, with what to do; empty if that was not seen.
    """

    file: str
    seconds: float
    locks: Mapping[str, tuple[str, ...]]
    rewritten: Mapping[str, int]
    rows: Mapping[str, int]
    fault: str | None = None
    cause: Cause | None = None
    line: int = 0
    holder: tuple[str, str] = ("", "")
    updated: Mapping[str, int] = MappingProxyType({})
    deleted: Mapping[str, int] = MappingProxyType({})

    def measurement(self, where: str) -> Measurement:
        """What is kept of it in the plan and in the ledger."""
        sizes = (self.rewritten, self.rows, self.updated, self.deleted)
        return Measurement(self.file, where, self.seconds, self.locks, *sizes)


def execute(
    database: Database, files: Sequence[tuple[str, str]], *, lock_timeout: float, limit: float
) -> list[DryRun]:
    """Run the files (name, text) in order in one transaction, stop at the first fault, roll back.

    Args:
        lock_timeout: seconds to wait for a lock.
        limit: seconds for all files together.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    results: list[DryRun] = []
    deadline = time.monotonic() + limit
    settings = _settings(lock_timeout, limit)
    with (
        session(database) as connection,
        contextlib.suppress(_StopError),
        connection.transaction(force_rollback=True),
        _watched(connection, database, lock_timeout) as watch,
    ):
        connection.execute(settings.encode())
        tables = {row[0]: row for row in connection.execute(TABLES)}
        for file, sql in files:
            result = _execute_file(connection, file, (settings, sql), tables, deadline)
            results.append(_with_holder(result, watch))
            if results[-1].fault is not None:
                raise _StopError
    return results


@contextlib.contextmanager
def _watched(
    connection: psycopg.Connection[Any], database: Database, lock_timeout: float
) -> Iterator[LockWatch]:
    """Nobody waits for a lock for longer than that, whatever a migration sets."""
    row = connection.execute("select pg_backend_pid()").fetchone()
    with lock_watch.watching(database, int(row[0]) if row else 0, limit=lock_timeout) as watch:
        yield watch


def _with_holder(result: DryRun, watch: LockWatch) -> DryRun:
    if result.cause == "late" and watch.ended:
        result = result._replace(cause="busy")
    if result.cause != "busy" or watch.last is None:
        return result
    return result._replace(holder=(str(watch.last), watch.hint))


class _StopError(Exception):
    """Leaves the transaction, which a fault has ended."""


def _settings(lock_timeout: float, limit: float) -> str:
    return f"""reset all; set local lock_timeout = {int(lock_timeout * 1000)};
    set local statement_timeout = {int(limit * 1000)};
    set local idle_in_transaction_session_timeout = {int(limit * 1000 + 5000)};
    set local client_connection_check_interval = '1s'"""


def _execute_file(
    connection: psycopg.Connection[Any],
    file: str,
    orders: tuple[str, str],
    tables: Mapping[int, Any],
    deadline: float,
) -> DryRun:
    import psycopg

    locks_before, rows_before = set(connection.execute(LOCKS)), _rows(connection)
    disk_files = {row[0]: row[2] for row in connection.execute(TABLES)}
    started = time.monotonic()
    try:
        with _cancelled_at(connection, deadline):
            for order in orders:
                connection.execute(order.encode("utf-8", "surrogateescape"))
            connection.execute("reset role")
            connection.execute("set constraints all immediate")
    except psycopg.Error as error:
        return _failure(file, time.monotonic() - started, error, orders[1])
    seconds = time.monotonic() - started
    names = {oid: row[1] for oid, row in tables.items()}
    locks: dict[str, tuple[str, ...]] = {}
    for oid, mode in sorted(set(connection.execute(LOCKS)) - locks_before):
        if oid in names:
            locks[names[oid]] = (*locks.get(names[oid], ()), mode)
    anew = [
        row[0]
        for row in connection.execute(TABLES)
        if row[0] in tables and row[2] != disk_files.get(row[0], row[2])
    ]
    sizes: dict[int, int] = dict(connection.execute(SIZES, [anew]).fetchall())
    rewritten = {names[oid]: size for oid, size in sizes.items()}
    rows, updated, deleted = _changed(tables, rows_before, _rows(connection))
    for oid in anew:  # a table that was emptied counts no rows
        if sizes[oid] <= EMPTY and tables[oid][4] and not tables[oid][3]:
            deleted[names[oid]] = tables[oid][4]
    return DryRun(file, round(seconds, 2), locks, rewritten, rows, updated=updated, deleted=deleted)


def _rows(connection: psycopg.Connection[Any]) -> dict[int, tuple[int, ...]]:
    """Table -> rows inserted, updated and deleted so far."""
    return {oid: tuple(counts) for oid, *counts in connection.execute(ROWS)}


def _changed(
    tables: Mapping[int, Any], before: Mapping[int, tuple[int, ...]], now: Mapping[int, tuple[int, ...]]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Of tables that were there: rows written, updated and deleted since then."""
    found: tuple[dict[str, int], dict[str, int], dict[str, int]] = ({}, {}, {})
    for oid, counts in now.items():
        if oid in tables:
            is_view = tables[oid][3]
            new = [
                max(0, count - old) for count, old in zip(counts, before.get(oid, (0, 0, 0)), strict=True)
            ]
            parts = (sum(new), 0 if is_view else new[1], 0 if is_view else new[2])
            for place, count in zip(found, parts, strict=True):
                place.update({tables[oid][1]: count} if count else {})
    return found


@contextlib.contextmanager
def _cancelled_at(connection: psycopg.Connection[Any], deadline: float) -> Iterator[None]:
    """`statement_timeout` limits each statement; this limits all of them together."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), connection.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _failure(file: str, seconds: float, error: psycopg.Error, sql: str) -> DryRun:
    state = error.sqlstate or ""
    cause = CAUSES.get(state, "file")
    if not state or state[:2] in ("08", "53") or state.startswith("57P") or trouble_of(str(error), state):
        cause = "server"
    place = int(error.diag.statement_position or 0)
    line = sql.count("\n", 0, place) + 1 if place else 0
    return DryRun(file, round(seconds, 2), {}, {}, {}, redact(str(error).strip()), cause, line)


def measure(
    desk: Desk, environment: Environment, database: Database, pending: Sequence[Migration]
) -> tuple[Measurement, ...]:
    """Dry-run what runs in one transaction, under the database's lock.

    Raises:
        ReleaseFailed: a migration fails.
        Refused: it takes longer than `[rehearse] block`.
        CommandFailed: a table was busy, or the server went away: another try may well succeed.
    """
    runnable, excluded = measurements.runnable(pending)
    for migration, word in excluded:
        desk.progress.note(f"{migration.file}: holds `{word}`: only a dry run on a copy can try it")
    stands = submit(app_tables, desk, environment)  # beside the lock
    files = [(migration.file, migration.sql) for migration in runnable]
    with Postgres(database).exclusive(WAIT_FOR_LOCK):
        # in an empty database nobody waits for a table, and a long history takes its time
        block = desk.settings.rehearse.block if stands.result() else desk.settings.supabase.push_timeout
        results = execute(database, files, lock_timeout=desk.settings.supabase.lock_timeout, limit=block)
    first_excluded = excluded[0][0] if excluded else None
    for result in results:
        if result.fault is not None:
            if not _needs_earlier_file(result, runnable, first_excluded):
                raise _error_of(environment, result, block)
            desk.progress.note(f"{result.file}: not finished: it needs what an earlier file commits")
    measured = measurements.with_earlier_locks(
        [result.measurement(environment.name) for result in results if result.fault is None], dict(files)
    )
    for measurement in measured:
        desk.progress.note(f"{measurement.file}: {'; '.join(measurement.words())}")
    return measured


def refuse_long(desk: Desk, environment: Environment, measured: Sequence[Measurement]) -> None:
    """No migration may block writers for longer than `[rehearse] block`.

    Raises:
        Refused: one does; it is named.
    """
    for measurement in measurements.too_long(measured, desk.settings.rehearse.block):
        tables = ", ".join(f"`{table}`" for table in measurement.blocked_tables)
        raise Refused(
            f"`{measurement.file}` would block writers of {tables} on {environment.name}"
            f" for {measurement.seconds:g} s; nothing was changed",
            SPLIT,
        )


def _error_of(environment: Environment, failed: DryRun, block: float) -> DeskError:
    file, name, details = failed.file, environment.name, quoted_lines(failed.fault or "")
    if failed.cause == "busy" and failed.holder[0]:
        held, hint = failed.holder
        return CommandFailed(f"`{file}` got no lock on {name}: {held}; nothing was changed", hint)
    if failed.cause == "busy":
        return CommandFailed(
            f"`{file}` got no lock on {name}: a table is busy, nothing was changed{details}",
            "try again when less is going on; `select * from pg_stat_activity` shows who holds it",
        )
    if failed.cause == "late":
        return Refused(
            f"`{file}` takes longer than {block:g} s on {name}, and may block writers for as long;"
            " nothing was changed",
            SPLIT,
        )
    trouble = trouble_of(failed.fault or "") if failed.cause == "server" else None
    if trouble is not None:
        return CommandFailed(
            f"the database of {name} {trouble.state}: `{file}` could not be tried; nothing was changed"
            f"{details}",
            trouble.hint,
        )
    if failed.cause == "server":
        return CommandFailed(f"{name} broke off the dry run of `{file}`{details}", "try again")
    line = f" (line {failed.line})" if failed.line else ""
    return ReleaseFailed(
        f"migration `{file}` fails on {name}{line}, seen in a dry run; nothing was changed{details}",
        "fix the file in a new commit",
    )


def _needs_earlier_file(
    failed: DryRun, runnable: Sequence[Migration], first_excluded: Migration | None
) -> bool:
    """Whether it failed for want of an excluded file, or of an enum value that an earlier file adds."""
    migration = next(migration for migration in runnable if migration.file == failed.file)
    if failed.cause == "uncommitted":
        return migration is not runnable[0] and ADDS_VALUE.search(migration.sql) is None
    return (
        first_excluded is not None and failed.cause == "file" and first_excluded.version < migration.version
    )


def dry_run_pending(
    desk: Desk, environment: Environment, committed: Sequence[Migration], ledger: Ledger
) -> tuple[list[Migration], list[Measurement]]:
    """Dry-run what is pending: first on a copy of the last proven backup, then on the real database.

    Returns the pending migrations, and their measurements: those of the real database where it has one.

    Raises:
        ReleaseFailed, Refused, CommandFailed: see `measure` and `refuse_long`.
    """
    database = configured_database(desk, environment)
    if database is None:
        return [], []
    history = [Applied(*row) for row in Postgres(database).history()]
    pending = list(compare(committed, history).pending)
    if not pending:
        return [], []
    on_copy = _dry_run_on_copy(desk, environment, committed, pending, ledger)
    measured = measure(desk, environment, database, pending)
    refuse_long(desk, environment, measured)
    files = {measurement.file for measurement in measured}
    return pending, [*measured, *(each for each in on_copy if each.file not in files)]


def _dry_run_on_copy(
    desk: Desk,
    environment: Environment,
    committed: Sequence[Migration],
    pending: Sequence[Migration],
    ledger: Ledger,
) -> list[Measurement]:
    """In one transaction, to measure; then with the real CLI, which also runs what no transaction takes."""
    backup = newest_proven(desk, environment, ledger)
    if backup is None:
        desk.progress.note(f"no proven backup of {environment.name} can be read here: no dry run on a copy")
        return []
    where = f"the copy of {backup}"
    with (
        fetch_backup(desk, environment, backup, ledger) as (folder, manifest),
        scratch_copy(desk, environment, folder, manifest) as copy,
    ):
        runnable, _ = measurements.runnable(pending)
        files = [(migration.file, migration.sql) for migration in runnable]
        timeout = desk.settings.supabase.push_timeout
        results = execute(copy, files, lock_timeout=timeout, limit=timeout)
        started = desk.clock()
        bring_up_to_date(desk, copy, committed)
        seconds = desk.clock() - started
        desk.progress.note(f"{len(pending)} applied by the CLI in {seconds:.1f} s on {where}")
    measured = [result.measurement(where) for result in results if result.fault is None]
    return list(measurements.with_earlier_locks(measured, dict(files)))
