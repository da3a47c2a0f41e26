"""Watches sessions that wait for a lock: names the table and its holder, and ends what waits too long.

`lock_timeout` alone does neither: a migration may set it itself, and its error names no table. So a second
connection looks on. It takes no lock that anybody could hold.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from scripts.database.postgres.client import READER, connect
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Unreachable
from scripts.system.secret import redact

if TYPE_CHECKING:
    import psycopg

PAUSE = 0.2  # seconds between two looks
GRACE = 0.5  # seconds that the server's own `lock_timeout` is given to act first
CONNECTING = 3.0  # seconds for the watcher's connection; without it nothing is named

WAITING: LiteralString = """
select w.pid, coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), w.locktype),
  extract(epoch from clock_timestamp() - coalesce(w.waitstart, clock_timestamp()))::float8,
  h.pid, coalesce(h.usename, '?'), coalesce(h.application_name, ''), coalesce(h.state, '?'),
  coalesce(extract(epoch from clock_timestamp() - h.xact_start), 0)::float8
from pg_locks w
left join pg_class c on c.oid = w.relation left join pg_namespace n on n.oid = c.relnamespace
left join lateral (select a.* from pg_stat_activity a where a.pid = any(pg_blocking_pids(w.pid))
  order by a.xact_start nulls last limit 1) h on true
where not w.granted and w.locktype <> 'advisory' and {who}
order by w.waitstart nulls last limit 1
"""
BY_PID: LiteralString = "w.pid = %s"
BY_NAME: LiteralString = """w.pid in (select pid from pg_stat_activity
  where application_name = any(%s) and datname = current_database() and usename = current_user)"""
END: LiteralString = "select pg_cancel_backend(%s)"


class Wait(NamedTuple):
    """A session waits for what another one holds.

    Args:
        thing: `schema.table`, or the kind of lock.
        seconds: so long by now.
        holder: the process of the server that holds it; None if that can't be seen.
        open: seconds since the holder's transaction began.
    """

    pid: int
    thing: str
    seconds: float
    holder: int | None
    user: str
    application: str
    state: str
    open: float

    def __str__(self) -> str:
        if self.holder is None:
            return f"`{self.thing}` is locked by another session"
        name = "".join(sign for sign in redact(self.application) if sign.isprintable()).strip()[:40]
        who = f"`{self.user}`{f' ({name})' if name else ''}"
        return (
            f"`{self.thing}` is locked by {who}, process {self.holder}, {self.state} for {self.open:.0f} s"
        )


class LockWatch:
    """What was seen so far.

    Args:
        last: the last wait; None if nobody waited.
        ended: a wait took too long, and its statement was cancelled.
    """

    def __init__(self) -> None:
        self.last: Wait | None = None
        self.ended = False

    @property
    def hint(self) -> str:
        """What people can do about the last wait."""
        if self.last is None or self.last.holder is None:
            return "try again when less is going on; `select * from pg_stat_activity` shows who holds it"
        return (
            "try again when that is over; or end it:"
            f' `psql "$DATABASE_URL" -c "select pg_terminate_backend({self.last.holder})"`'
        )


@contextlib.contextmanager
def watching(database: Database, who: int | list[str], *, limit: float) -> Iterator[LockWatch]:
    """Watch a session while the body runs.

    Args:
        who: the process of the server, or the names of applications.
        limit: seconds that it may wait for a lock.
    """
    watch, over = LockWatch(), threading.Event()
    thread = threading.Thread(target=_watch, args=(database, who, limit, watch, over), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join(CONNECTING)


def _watch(
    database: Database, who: int | list[str], limit: float, watch: LockWatch, over: threading.Event
) -> None:
    import psycopg

    with contextlib.suppress(psycopg.Error), connect(database, READER) as connection:
        connection.execute("set statement_timeout = '3s'")
        while not over.wait(PAUSE):
            found = _look(connection, who)
            watch.last = found or watch.last
            if found and found.seconds > limit + GRACE:
                watch.ended = True
                connection.execute(END, [found.pid])


def _look(connection: psycopg.Connection[Any], who: int | list[str]) -> Wait | None:
    from psycopg import sql

    condition = BY_PID if isinstance(who, int) else BY_NAME
    query = sql.SQL(WAITING).format(who=sql.SQL(condition))
    row = connection.execute(query, [who]).fetchone()
    return Wait(*row) if row else None


@contextlib.contextmanager
def named_waits(database: Database, applications: list[str], limit: float) -> Iterator[None]:
    """A fault of the body that came of waiting for a lock names the table and who holds it.

    Raises:
        CommandFailed: one of the applications waited for longer than `limit` seconds.
    """
    with watching(database, applications, limit=limit) as watch:
        try:
            yield
        except (CommandFailed, Unreachable) as fault:
            if not (watch.ended or (watch.last and "lock timeout" in fault.message)):
                raise
            why = f"a table of `{database.name}` was busy: nothing was changed"
            raise CommandFailed(f"{why}{waited(watch)}", watch.hint) from None


def waited(watch: LockWatch) -> str:
    """` | `-line for an error: who was waited for; empty if nobody was."""
    return f"\n  | {watch.last}" if watch.last else ""
