"""Migrations tried on the very database, in one transaction that is rolled back; and what that did.

Facts: the locks of a transaction stand in `pg_locks` as long as it is open; a table that is written anew
gets another file (`relfilenode`); `pg_stat_xact_all_tables` counts the rows of our own transaction;
sequences keep what was drawn from them; a new value of an enum can't be used before it is committed. Should
the desk die, `client_connection_check_interval` has the server notice within a second.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.migrations import measure
from scripts.database.migrations.files import Migration
from scripts.database.migrations.measure import Measured
from scripts.database.postgres.client import session
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed
from scripts.system.process import quoted_lines
from scripts.system.secret import redact

if TYPE_CHECKING:
    import psycopg


TABLES = """select c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relfilenode,
  pg_table_size(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p','m') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""
LOCKS = """select distinct relation, mode from pg_locks
where pid = pg_backend_pid() and locktype = 'relation' and granted"""
ROWS = """select relid, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_xact_all_tables
where n_tup_ins + n_tup_upd + n_tup_del > 0"""
ADDS_VALUE = re.compile(r"\badd\s+value\b", re.IGNORECASE)
WAIT_FOR_LOCK = 30.0  # seconds that another migration may take before we give up
BUSY, LATE, SERVER, APART = "busy", "late", "server", "apart"


class Tried(NamedTuple):
    """One migration that was tried.

    Args:
        seconds: that it took.
        locks: table that stood before -> the modes of the locks that it took there.
        rewritten: tables that stood before and were written anew, with their bytes.
        rows: table that stood before -> rows inserted, updated or deleted.
        fault: why it failed; None when it did not.
        kind: `busy` (a lock was not to be had), `late` (the limit), `server` (it went away), `apart` (it
            needs what an earlier file commits), or "" for what is wrong with the file itself.
        line: of the fault in the file, counted from 1; 0 when it is not known.
    """

    file: str
    seconds: float
    locks: Mapping[str, tuple[str, ...]]
    rewritten: Mapping[str, int]
    rows: Mapping[str, int]
    fault: str | None = None
    kind: str = ""
    line: int = 0


def tried(
    database: Database, files: Sequence[tuple[str, str]], *, lock_timeout: float, limit: float
) -> list[Tried]:
    """Run these files (name, text) in their order; the first that fails is the last. Nothing is kept.

    All of it together may take `limit` seconds, and wait `lock_timeout` for a lock.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    found: list[Tried] = []
    deadline = time.monotonic() + limit
    settings = _settings(lock_timeout, limit)
    with (
        session(database) as connection,
        contextlib.suppress(_Enough),
        connection.transaction(force_rollback=True),
    ):
        there = {row[0]: row for row in connection.execute(TABLES)}
        for file, sql in files:
            found.append(_try(connection, file, (settings, sql), there, deadline))
            if found[-1].fault is not None:
                raise _Enough
    return found


class _Enough(Exception):
    """The transaction can't go on; no error, it only leaves it."""


def _settings(lock_timeout: float, limit: float) -> str:
    return f"""reset all; set local lock_timeout = {int(lock_timeout * 1000)};
    set local statement_timeout = {int(limit * 1000)};
    set local idle_in_transaction_session_timeout = {int(limit * 1000 + 5000)};
    set local client_connection_check_interval = '1s'"""


def _try(
    connection: psycopg.Connection[Any],
    file: str,
    orders: tuple[str, str],
    there: Mapping[int, Any],
    deadline: float,
) -> Tried:
    import psycopg

    locks, rows = set(connection.execute(LOCKS)), dict(connection.execute(ROWS))
    files = {row[0]: row[2] for row in connection.execute(TABLES)}
    started = time.monotonic()
    try:
        with _ended_at(connection, deadline):
            for order in orders:
                connection.execute(order.encode("utf-8", "surrogateescape"))
            connection.execute("reset role")
            connection.execute("set constraints all immediate")
    except psycopg.Error as fault:
        return _failed(file, time.monotonic() - started, fault, orders[1])
    seconds = time.monotonic() - started
    names = {oid: row[1] for oid, row in there.items()}
    taken: dict[str, tuple[str, ...]] = {}
    for oid, mode in sorted(set(connection.execute(LOCKS)) - locks):
        if oid in names:
            taken[names[oid]] = (*taken.get(names[oid], ()), mode)
    anew = {
        row[1]: there[row[0]][3]
        for row in connection.execute(TABLES)
        if row[0] in there and row[2] != files.get(row[0], row[2])
    }
    touched = {oid: count - rows.get(oid, 0) for oid, count in connection.execute(ROWS)}
    counted = {names[oid]: count for oid, count in touched.items() if oid in names and count}
    return Tried(file, round(seconds, 2), taken, anew, counted)


@contextlib.contextmanager
def _ended_at(connection: psycopg.Connection[Any], deadline: float) -> Iterator[None]:
    """`statement_timeout` is for each statement; this is for all of them."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), connection.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _failed(file: str, seconds: float, fault: psycopg.Error, sql: str) -> Tried:
    state = fault.sqlstate or ""
    kind = {"55P03": BUSY, "40P01": BUSY, "57014": LATE, "55P04": APART}.get(state, "")
    if not state or state[:2] in ("08", "53") or state.startswith("57P"):
        kind = SERVER
    place = int(fault.diag.statement_position or 0)
    line = sql.count("\n", 0, place) + 1 if place else 0
    return Tried(file, round(seconds, 2), {}, {}, {}, redact(str(fault).strip()), kind, line)


def measured(
    desk: Desk, environment: Environment, database: Database, pending: Sequence[Migration]
) -> tuple[Measured, ...]:
    """Try what can be tried in one transaction, and say what it did; the caller holds the database's lock.

    Raises:
        ReleaseFailed, Refused, CommandFailed: see `rehearse`.
    """
    able, unable = measure.trials(pending)
    for migration, word in unable:
        desk.progress.note(f"{migration.file}: holds `{word}`: it can only be tried on a copy")
    limits, block = desk.settings.supabase, desk.settings.rehearse.block
    files = [(each.file, each.sql) for each in able]
    done = tried(database, files, lock_timeout=limits.lock_timeout, limit=block)
    first = unable[0][0] if unable else None
    for each in done:
        if each.fault is not None:
            if _leans(each, able, first):
                desk.progress.note(f"{each.file}: not tried to the end, it needs what comes before it")
                break
            raise fault_of(environment, each, block)
    good = [each for each in done if each.fault is None]
    found = measure.with_held_locks([_measured(each, environment.name) for each in good], dict(files))
    for known in found:
        desk.progress.note(f"{known.file}: {'; '.join(known.words())}")
    return found


def refuse_long(desk: Desk, environment: Environment, found: Sequence[Measured]) -> None:
    """No migration may keep writers out for longer than `[rehearse] block`.

    Raises:
        Refused: one does; it is named.
    """
    block = desk.settings.rehearse.block
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
    said = quoted_lines(failed.fault or "")
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
