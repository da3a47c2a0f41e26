"""The databases of previews: one for each slot, on a server of their own.

A database is named after app and slot, so that an app's server can have its address once and for all. It is
the desk's if a comment on it says so too; a server may hold others of such a name, and they are left alone.
A database is made closed, then gets its comment, then is opened: one that is closed and has no comment was
being made by a run that was killed, and nobody can ever have used it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from scripts.config.desk import Desk
from scripts.config.preview_settings import FAMILY
from scripts.config.variables import name_in_ci
from scripts.database.postgres.client import configured_database, session
from scripts.database.postgres.url import LOOPBACK, Database, parse_database
from scripts.errors import CommandFailed, ConfigError, DeskError, Refused
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg

PREFIX = f"{FAMILY}_"
TEMPLATE_TIMEOUT = 10.0  # seconds until the template must be free of sessions
FILE = f".env.{FAMILY}"
STATE = """select datallowconn, coalesce(shobj_description(oid, 'pg_database'), '')
from pg_database where datname = %s"""
ALL = """select datname, datallowconn, coalesce(shobj_description(oid, 'pg_database'), '')
from pg_database where starts_with(datname, %s) order by 1"""


@dataclass(frozen=True)
class Made:
    """A preview's database, and what the app's build must know of it.

    Args:
        fresh: it was made just now, and is empty.
    """

    database: Database | None = None
    fresh: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


class Databases(Protocol):
    """Where the databases of previews are."""

    def described(self, slot: str) -> dict[str, str]:
        """Of the slot's database, for the lease: known before it is made. {} for none."""

    def ensure(self, slot: str, *, anew: bool = False) -> Made:
        """The slot's database: the one that is there, or a new one; with `anew`, always a new one.

        Raises:
            Refused: there is one of that name that is not the desk's.
        """

    def drop(self, slot: str) -> bool:
        """Drop the slot's database; whether there was one.

        Raises:
            Refused: that one is not the desk's.
        """

    def slots(self) -> tuple[str, ...]:
        """The slots that have one, as far as it is provably the desk's."""


class NoDatabases:
    """For an app without a database."""

    def described(self, _slot: str) -> dict[str, str]:
        """There is none."""
        return {}

    def ensure(self, _slot: str, *, anew: bool = False) -> Made:  # noqa: ARG002
        """Nothing is made."""
        return Made()

    def drop(self, _slot: str) -> bool:
        """There is none."""
        return False

    def slots(self) -> tuple[str, ...]:
        """None has one."""
        return ()


@dataclass(frozen=True)
class ServerDatabases:
    """Databases on the server of `.env.preview`.

    Args:
        server: any database of it, whose user may create others.
        template: what a new one is a copy of; "" for the server's own.
    """

    server: Database
    app: str
    template: str = ""

    def name(self, slot: str) -> str:
        """The name of a slot's database."""
        return f"{_stem(self.app)}{slot.replace('-', '_')}"

    def mark(self, slot: str) -> str:
        """The comment on it."""
        return f"release desk: preview {slot} of {self.app}"

    def described(self, slot: str) -> dict[str, str]:
        """Its kind and name."""
        return {"kind": "server", "name": self.name(slot)}

    def ensure(self, slot: str, *, anew: bool = False) -> Made:
        """See `Databases`."""
        database = replace(self.server, name=self.name(slot))
        with self._session() as connection:
            state = self._state(connection, slot)
            if state == "open" and not anew:
                return Made(database)
            if state:
                self._drop(connection, slot)
            self._create(connection, slot)
        return Made(database, fresh=True)

    def drop(self, slot: str) -> bool:
        """See `Databases`."""
        with self._session() as connection:
            found = self._state(connection, slot)
            if found:
                self._drop(connection, slot)
        return bool(found)

    def slots(self) -> tuple[str, ...]:
        """See `Databases`."""
        stem, found = _stem(self.app), []
        with self._session() as connection:
            for name, is_open, comment in connection.execute(ALL, [stem]):
                slot = str(name).removeprefix(stem).replace("_", "-")
                if comment == self.mark(slot) or _half_made(is_open, comment):
                    found.append(slot)
        return tuple(found)

    def _state(self, connection: psycopg.Connection[Any], slot: str) -> str:
        """`open`, `half` for one that a killed run was making, "" for none."""
        row = connection.execute(STATE, [self.name(slot)]).fetchone()
        if row is None:
            return ""
        is_open, comment = row
        if comment == self.mark(slot):
            return "open" if is_open else "half"
        if _half_made(is_open, comment):
            return "half"
        raise Refused(
            f"the database `{self.name(slot)}` on `{self.server.host}` is not the desk's: it has no comment"
            f" `{self.mark(slot)}`",
            "rename it, or give the slot another name in `env/pipeline.toml`",
        )

    def _create(self, connection: psycopg.Connection[Any], slot: str) -> None:
        import psycopg
        from psycopg import sql

        name = sql.Identifier(self.name(slot))
        copied = (
            sql.SQL(" template {}").format(sql.Identifier(self.template)) if self.template else sql.SQL("")
        )
        create = sql.SQL("create database {}{} allow_connections false").format(name, copied)
        deadline = time.monotonic() + TEMPLATE_TIMEOUT
        while True:
            try:
                connection.execute(create)
                break
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise CommandFailed(
                        f"the template `{self.template}` is in use: it can't be copied"
                    ) from None
                time.sleep(0.05)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidCatalogName) as fault:
                raise CommandFailed(
                    f"`{self.server.user}` can't make a database for a preview{quoted_lines(str(fault))}",
                    f"see `DATABASE_URL` in `{FILE}`, and `[preview] template`",
                ) from None
        comment = sql.SQL("comment on database {} is {}").format(name, sql.Literal(self.mark(slot)))
        connection.execute(comment)
        # as Supabase's `postgres` has it, whoever migrates here
        path = sql.SQL('alter database {} set search_path = "$user", public, extensions')
        connection.execute(path.format(name))
        connection.execute(sql.SQL("alter database {} allow_connections true").format(name))

    def _drop(self, connection: psycopg.Connection[Any], slot: str) -> None:
        from psycopg import sql

        name = sql.Identifier(self.name(slot))
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with session(self.server) as connection:
                yield connection
        except CommandFailed as fault:
            if fault.hint and "DATABASE_URL" in fault.hint and FILE not in fault.hint:
                fault.hint = f"check `DATABASE_URL` and `DATABASE_PASSWORD` in `{FILE}`"
            raise


def _stem(app: str) -> str:
    """What the names of an app's databases begin with; with 20 more characters it is an identifier."""
    return f"{PREFIX}{re.sub('[^a-z0-9]+', '_', app.lower()).strip('_')[:30]}_"


def _half_made(is_open: bool, comment: str) -> bool:
    return not is_open and not comment


def server_databases(desk: Desk, values: Mapping[str, str]) -> ServerDatabases:
    """The server that `.env.preview` names.

    Raises:
        ConfigError: it names none.
        Refused: it is an environment's.
    """
    url = values.get("DATABASE_URL", "")
    if not url:
        raise ConfigError(
            f"`DATABASE_URL` of `{FILE}` is missing: where previews have their databases",
            f"set it in `{desk.config_folder / FILE}`, or `{name_in_ci(FAMILY, 'DATABASE_URL')}` in CI,"
            ' or set `database = "none"` in `[preview]`',
        )
    password = values.get("DATABASE_PASSWORD")
    server = parse_database(url, password, where=f"`{FILE}`", folder=desk.config_folder)
    made = ServerDatabases(server, desk.settings.app.name, desk.settings.preview.template)
    _refuse_environments(desk, made)
    return made


def _refuse_environments(desk: Desk, made: ServerDatabases) -> None:
    """Return if no environment has its data there; the values of some may not be on this machine."""
    server, own = made.server, {made.server.name, *map(made.name, desk.settings.preview.slots)}
    for environment in desk.settings:
        try:
            other = configured_database(desk, environment)
        except DeskError:
            continue
        if other is None or other.host.lower() != server.host.lower():
            continue
        same_server = other.port == server.port or "supabase" in server.host
        if same_server and (other.name in own or (environment.guarded and server.host not in LOOPBACK)):
            raise Refused(
                f"`DATABASE_URL` of `{FILE}` names the {'database' if other.name in own else 'server'} of"
                f" {environment.name}: a preview never comes near its data",
                f"name another server in `{desk.config_folder / FILE}`",
            )
