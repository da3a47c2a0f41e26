"""Replay migrations one file at a time in a scratch database, and see what each of them changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.adopt import rows
from scripts.database.adopt.judge import Elements, Step, changes
from scripts.database.backups import scratch_server
from scripts.database.migrations import extensions
from scripts.database.migrations.aftermath import is_atomic, is_ours
from scripts.database.migrations.differences import UNQUALIFIED_SINCE, unqualified, without_maintain
from scripts.database.migrations.files import Migration
from scripts.database.postgres import catalogue, scratch
from scripts.database.postgres.client import Postgres, session
from scripts.database.postgres.url import Database
from scripts.database.sql.parse import parse

if TYPE_CHECKING:
    import psycopg

LOOK = "set jit = off"  # compiling the catalogue's queries takes longer than they do
PROGRESS_EVERY = 25  # files


@dataclass(frozen=True)
class Live:
    """What stands in an environment's database.

    Args:
        major: of its server.
        extensions: name and schema of those that no migration creates.
    """

    major: int
    elements: Elements
    extensions: tuple[tuple[str, str], ...] = ()


def replay(
    desk: Desk, environment: Environment, migrations: Sequence[Migration], live: Live
) -> tuple[tuple[Step, ...], frozenset[str]]:
    """What each file changes in a fresh project, in order, and the objects of that project.

    A statement that fails is left out, and named.

    Raises:
        Refused: there is no scratch server.
        Unreachable: it can't be used.
    """
    with fresh_project(desk, environment, "adopt") as database, session(database) as looker:
        looker.execute(LOOK)
        extensions.switch_on(looker, live.extensions)
        fresh = elements(looker, live.major)
        steps = tuple(_steps(desk, (database, looker), fresh, migrations, live.major))
    gone = _dropped(steps)
    left = (replace(step, rows=rows.left(step.rows, gone)) for step in steps)
    return tuple(left), frozenset(fresh)


def _dropped(steps: Sequence[Step]) -> frozenset[str]:
    """The tables that a file makes, and that do not exist at the end: rows in them don't matter."""
    last = {thing: after for step in steps for (thing, name), (_, after) in step.changes.items()
            if thing.startswith("table ") and name == "table"}  # fmt: skip
    return frozenset(thing.removeprefix("table ") for thing, after in last.items() if after is None)


@contextmanager
def fresh_project(desk: Desk, environment: Environment, name: str) -> Iterator[Database]:
    """A scratch database like a project before its first migration, dropped at the end."""
    with (
        scratch_server.scratch_folder() as folder,
        scratch_server.supabase_server(desk, environment, folder) as server,
        scratch.scratch_databases(server, desk.new_id()) as databases,
    ):
        yield databases.copy(server.name, name)


def _steps(
    desk: Desk,
    place: tuple[Database, psycopg.Connection[Any]],
    before: Elements,
    migrations: Sequence[Migration],
    major: int,
) -> Iterator[Step]:
    """The steps; `place`: the database, and a session that looks at it."""
    limit, (database, looker) = desk.settings.supabase.push_timeout, place
    with session(database) as runner:
        for count, migration in enumerate(migrations, 1):
            faults = tuple(run(runner, migration.sql, limit))
            after = elements(looker, major)
            grants = rows.says_grants(migration.sql)
            yield Step(migration, changes(before, after), rows.written(migration.sql), faults, grants)
            before = after
            if count % PROGRESS_EVERY == 0:
                desk.progress.note(f"{count} of {len(migrations)} files are replayed")


def run(connection: psycopg.Connection[Any], sql: str, limit: float) -> Iterator[str]:
    """Run a file: as a whole, or else statement by statement; yields those that fail, with why.

    Args:
        limit: seconds for each statement.

    Raises:
        psycopg.Error: the connection was lost.
    """
    import psycopg

    settings = (
        f"reset role; reset all; set statement_timeout = {int(limit * 1000)}; set lock_timeout = '5s'"
    )
    connection.execute(settings.encode())
    if is_atomic(sql):
        try:
            connection.execute(sql.encode("utf-8", "replace"))
        except psycopg.Error:
            connection.execute(settings.encode())
        else:
            return
    for statement in parse(sql):
        if statement.kind == "TransactionStmt":
            continue
        try:
            connection.execute(statement.text.encode("utf-8", "replace"))
        except psycopg.Error as fault:
            if connection.closed:
                raise
            yield f"line {statement.first}, `{statement.head}`: {str(fault).splitlines()[0]}"


def elements(connection: psycopg.Connection[Any], major: int) -> Elements:
    """The app's schema by its elements, without what differs from one server to another.

    Args:
        major: the older version of the servers that are compared.
    """
    found = catalogue.elements(connection, is_ours)
    return {thing: _comparable(thing, parts, major) for thing, parts in found.items()}


def _comparable(thing: str, parts: Mapping[str, str], major: int) -> Mapping[str, str]:
    if thing.startswith("extension "):  # its version and place are the server's
        return {"extension": "exists"}
    if "view " in thing and major < UNQUALIFIED_SINCE:
        return {name: unqualified([without_maintain(text)]) for name, text in parts.items()}
    return {name: without_maintain(text) for name, text in parts.items()}


def look(database: Database, migrations: Sequence[Migration]) -> Live:
    """What stands in an environment's database.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    with Postgres(database).session() as connection:
        connection.execute(LOOK)
        major = connection.info.server_version // 10_000
        found = extensions.made_by_nobody(connection, migrations)
        return Live(major, elements(connection, major), found)
