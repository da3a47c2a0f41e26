"""Scratch databases on a PostgreSQL server: created as copies, dropped at the end.

Each run holds an advisory lock under its own name while it lives. The next run drops the scratch
databases whose lock nobody holds.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.client import connect, session
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Unreachable
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg


PREFIX = "release_desk_scratch_"
NAME = re.compile(PREFIX + r"([0-9a-z]+)_[a-z]+")
TEMPLATE_TIMEOUT = 10.0  # seconds until a template must be free of sessions
HOLD = "select pg_try_advisory_lock(hashtext(%s))"
FREE = "select pg_advisory_unlock(hashtext(%s))"
END_SESSIONS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"


@dataclass(frozen=True)
class ScratchDatabases:
    """The scratch databases of one run.

    Args:
        server: its own database is the template of the first copy.
        owner: letters and digits, different for each run.
    """

    server: Database
    owner: str
    _connection: psycopg.Connection[Any]

    def copy(self, source: str, name: str) -> Database:
        """Replace the scratch database `name` by a copy of another one, whose sessions are terminated.

        Raises:
            CommandFailed: the server refuses.
        """
        import psycopg
        from psycopg import sql

        self.drop(name)
        statement = sql.SQL("create database {} template {}").format(
            sql.Identifier(self.full_name(name)), sql.Identifier(source)
        )
        deadline = time.monotonic() + TEMPLATE_TIMEOUT
        while True:
            try:
                self._connection.execute(statement)
                return replace(self.server, name=self.full_name(name))
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise CommandFailed(f"database `{source}` is in use, and can't be copied") from None
                self._connection.execute(END_SESSIONS, [source])
                time.sleep(0.05)
            except psycopg.Error as fault:
                raise CommandFailed(f"can't copy database `{source}`{quoted_lines(str(fault))}") from None

    def drop(self, name: str) -> None:
        """Drop one of ours, if it exists."""
        _drop(self._connection, self.full_name(name))

    def full_name(self, name: str) -> str:
        """The name that a scratch database has on the server."""
        return f"{PREFIX}{self.owner}_{name}"


@contextlib.contextmanager
def scratch_databases(server: Database, owner: str) -> Iterator[ScratchDatabases]:
    """Drop what dead runs left, then yield; all databases of this run are dropped at the end.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    import psycopg

    try:
        with connect(_beside(server)) as connection:
            connection.execute(HOLD, [PREFIX + owner])
            _drop_abandoned(connection)
            try:
                yield ScratchDatabases(server, owner, connection)
            finally:
                for name in _existing(connection):
                    if name.startswith(f"{PREFIX}{owner}_"):
                        _drop(connection, name)
    except psycopg.Error as fault:
        raise Unreachable(
            f"the scratch server on `{server.host}:{server.port}` can't be used{quoted_lines(str(fault))}",
            "check `SCRATCH_DATABASE_URL`",
        ) from None


def abandoned_databases(server: Database) -> list[str]:
    """The scratch databases of killed runs on a server; the next run that uses the server drops them.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    with session(_beside(server)) as connection:
        return list(_abandoned(connection))


def _beside(server: Database) -> Database:
    """Another database of the server: one that has sessions can't be copied.

    All runs use the same one, since an advisory lock counts within its database.
    """
    return replace(server, name="postgres" if server.name != "postgres" else "template1")


def _drop_abandoned(connection: psycopg.Connection[Any]) -> None:
    for name in _abandoned(connection):
        _drop(connection, name)


def _abandoned(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """The databases of killed runs: nobody holds the lock of their owner. It is held while one is used."""
    for name in _existing(connection):
        match = NAME.fullmatch(name)
        if match is None:
            continue
        lock = [PREFIX + match[1]]
        row = connection.execute(HOLD, lock).fetchone()
        if row and row[0]:
            try:
                yield name
            finally:
                connection.execute(FREE, lock)


def _existing(connection: psycopg.Connection[Any]) -> list[str]:
    pattern = PREFIX.replace("_", r"\_") + "%"
    rows = connection.execute("select datname from pg_database where datname like %s", [pattern])
    return [str(row[0]) for row in rows]


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    from psycopg import sql

    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


# What a server that is no Supabase project offers, and the roles that an archive needs there.
ROLE = re.compile(
    r"\b(?:TO|FROM|FOR ROLE|AUTHORIZATION) ((?:\"(?:[^\"]|\"\")+\"|\w+)(?:, (?:\"(?:[^\"]|\"\")+\"|\w+))*)"
)
ROLE_NAME = re.compile(r"\"((?:[^\"]|\"\")+)\"|(\w+)")
NO_ROLES = ("public", "none", "current_user", "current_role", "session_user")
GRANTS = re.compile(r"^\s*(?:GRANT|REVOKE|ALTER|CREATE POLICY)\b.*?;$", re.MULTILINE | re.DOTALL)
INSTALLED = """select 'EXTENSION ' || extname from pg_extension
union all select 'PUBLICATION ' || pubname from pg_publication
union all select 'SERVER ' || srvname from pg_foreign_server
union all select 'FOREIGN DATA WRAPPER ' || fdwname from pg_foreign_data_wrapper"""


def available_extensions(database: Database) -> frozenset[str]:
    """The extensions that the server can create."""
    with session(database) as connection:
        rows = connection.execute("select name from pg_available_extensions")
        return frozenset(str(row[0]) for row in rows)


def installed_objects(database: Database) -> frozenset[str]:
    """What the database has outside of its schemas: `EXTENSION citext`, `PUBLICATION supabase_realtime`."""
    with session(database) as connection:
        return frozenset(str(row[0]) for row in connection.execute(INSTALLED))


def is_superuser(database: Database) -> bool:
    """Whether its user is a superuser."""
    with session(database) as connection:
        return connection.info.parameter_status("is_superuser") == "on"


def server_major(database: Database) -> int:
    """The server's major version."""
    with session(database) as connection:
        return connection.info.server_version // 10_000


def roles_in(script: str) -> frozenset[str]:
    """The roles that a schema's SQL names; one too many does no harm on a scratch server."""
    roles = set()
    for statement in GRANTS.findall(script):
        for names in ROLE.findall(statement):
            roles |= {
                quoted_name.replace('""', '"') or bare for quoted_name, bare in ROLE_NAME.findall(names)
            }
    return frozenset(role for role in roles if role.lower() not in NO_ROLES)


def create_missing_roles(database: Database, names: Collection[str]) -> None:
    """Create the roles that don't exist, without login."""
    from psycopg import sql

    with session(database) as connection:
        existing = {str(row[0]) for row in connection.execute("select rolname from pg_roles")}
        for name in sorted(set(names) - existing):
            if not name.startswith("pg_"):
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
