"""Scratch databases on a PostgreSQL server: made as copies, dropped at the end, or by who comes next.

Whoever works holds an advisory lock under his own name as long as he lives, so the databases of a
dead one are known by it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scripts.adapters.database.database_url import Database
from scripts.adapters.database.session import connected
from scripts.errors import CommandFailed, Unreachable
from scripts.shell.runner import quoted

if TYPE_CHECKING:
    import psycopg

PREFIX = "release_desk_scratch_"
NAME = re.compile(PREFIX + r"([0-9a-z]+)_[a-z]+")
PATIENCE = 10.0  # seconds until a template must be free of sessions
HOLD = "select pg_try_advisory_lock(hashtext(%s))"
FREE = "select pg_advisory_unlock(hashtext(%s))"
OTHERS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"


@dataclass(frozen=True)
class Scratch:
    """The databases of one who works on `server`, whose own database is the template of the first.

    Args:
        owner: letters and digits that are his alone.
    """

    server: Database
    owner: str
    _connection: psycopg.Connection[Any]

    def copy(self, source: str, name: str) -> Database:
        """Make the database `name` anew as a copy of another one, whose sessions are ended.

        Raises:
            CommandFailed: the server refuses.
        """
        import psycopg
        from psycopg import sql

        self.drop(name)
        order = sql.SQL("create database {} template {}").format(
            sql.Identifier(self.full(name)), sql.Identifier(source)
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._connection.execute(order)
                return replace(self.server, name=self.full(name))
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise CommandFailed(f"database `{source}` is in use, and can't be copied") from None
                self._connection.execute(OTHERS, [source])
                time.sleep(0.05)
            except psycopg.Error as fault:
                raise CommandFailed(f"can't copy database `{source}`{quoted(str(fault))}") from None

    def drop(self, name: str) -> None:
        """Drop one of ours; harmless where it is not."""
        _drop(self._connection, self.full(name))

    def full(self, name: str) -> str:
        """The name that a database of ours has on the server."""
        return f"{PREFIX}{self.owner}_{name}"


@contextlib.contextmanager
def opened(server: Database, owner: str) -> Iterator[Scratch]:
    """Clean up after the dead, then work; all of ours is dropped at the end.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    import psycopg

    try:
        # beside the template: nobody can copy a database while he is in it
        beside = replace(server, name="postgres" if server.name != "postgres" else "template1")
        with connected(beside) as connection:
            connection.execute(HOLD, [PREFIX + owner])
            _clean(connection)
            try:
                yield Scratch(server, owner, connection)
            finally:
                for name in _existing(connection):
                    if name.startswith(f"{PREFIX}{owner}_"):
                        _drop(connection, name)
    except psycopg.Error as fault:
        raise Unreachable(
            f"the scratch server on `{server.host}:{server.port}` can't be used{quoted(str(fault))}",
            "check `SCRATCH_DATABASE_URL`",
        ) from None


def _clean(connection: psycopg.Connection[Any]) -> None:
    """Drop what a killed one left: nobody holds the lock of its name."""
    for name in _existing(connection):
        found = NAME.fullmatch(name)
        owner = PREFIX + found[1] if found else ""
        row = connection.execute(HOLD, [owner]).fetchone() if found else None
        if row and row[0]:
            _drop(connection, name)
            connection.execute(FREE, [owner])


def _existing(connection: psycopg.Connection[Any]) -> list[str]:
    pattern = PREFIX.replace("_", r"\_") + "%"
    rows = connection.execute("select datname from pg_database where datname like %s", [pattern])
    return [str(row[0]) for row in rows]


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    from psycopg import sql

    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
