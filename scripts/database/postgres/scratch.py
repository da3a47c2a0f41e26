"""Scratch databases on a PostgreSQL server: made as copies, dropped at the end, or by who comes next.

Whoever works holds an advisory lock under his own name as long as he lives, so the databases of a
dead one are known by it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.client import connected, session
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Unreachable
from scripts.system.process import quoted_lines

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
                raise CommandFailed(f"can't copy database `{source}`{quoted_lines(str(fault))}") from None

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
            f"the scratch server on `{server.host}:{server.port}` can't be used{quoted_lines(str(fault))}",
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


# A database that is no Supabase project: what it can make, and the roles that an archive speaks of.


ROLE = re.compile(
    r"\b(?:TO|FROM|FOR ROLE|AUTHORIZATION) ((?:\"(?:[^\"]|\"\")+\"|\w+)(?:, (?:\"(?:[^\"]|\"\")+\"|\w+))*)"
)
ROLE_NAME = re.compile(r"\"((?:[^\"]|\"\")+)\"|(\w+)")
NO_ROLES = ("public", "none", "current_user", "current_role", "session_user")
GRANTS = re.compile(r"^\s*(?:GRANT|REVOKE|ALTER|CREATE POLICY)\b.*?;$", re.MULTILINE | re.DOTALL)


def extensions(database: Database) -> frozenset[str]:
    """The extensions that the server can make."""
    with session(database) as connection:
        return frozenset(
            str(row[0]) for row in connection.execute("select name from pg_available_extensions")
        )


def standing(database: Database) -> frozenset[str]:
    """What stands beside the schemas: `EXTENSION citext`, `PUBLICATION supabase_realtime`."""
    query = """select 'EXTENSION ' || extname from pg_extension
union all select 'PUBLICATION ' || pubname from pg_publication
union all select 'SERVER ' || srvname from pg_foreign_server
union all select 'FOREIGN DATA WRAPPER ' || fdwname from pg_foreign_data_wrapper"""
    with session(database) as connection:
        return frozenset(str(row[0]) for row in connection.execute(query))


def is_superuser(database: Database) -> bool:
    """Whether its user is one."""
    with session(database) as connection:
        return connection.info.parameter_status("is_superuser") == "on"


def major(database: Database) -> int:
    """The server's major version."""
    with session(database) as connection:
        return connection.info.server_version // 10_000


def roles_in(script: str) -> frozenset[str]:
    """The roles that a schema's SQL names; a word too many does no harm on a scratch server."""
    found = set()
    for statement in GRANTS.findall(script):
        for names in ROLE.findall(statement):
            found |= {quoted.replace('""', '"') or bare for quoted, bare in ROLE_NAME.findall(names)}
    return frozenset(each for each in found if each.lower() not in NO_ROLES)


def make_roles(database: Database, names: Collection[str]) -> None:
    """Make those that are missing, unable to log in."""
    from psycopg import sql

    with session(database) as connection:
        known = {str(row[0]) for row in connection.execute("select rolname from pg_roles")}
        for name in sorted(set(names) - known):
            if not name.startswith("pg_"):
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
