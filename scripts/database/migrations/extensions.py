"""Extensions that somebody switched on in the dashboard: no migration creates them, and some need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from scripts.database.migrations.files import Migration
from scripts.database.sql.parse import parse

if TYPE_CHECKING:
    import psycopg

INSTALLED = """select e.extname::text, n.nspname::text from pg_extension e
join pg_namespace n on n.oid = e.extnamespace order by e.oid"""
ABSENT = """select name::text from pg_available_extensions
where installed_version is null and name = any(%s)"""


def made_by_nobody(
    connection: psycopg.Connection[Any], migrations: Iterable[Migration]
) -> tuple[tuple[str, str], ...]:
    """Name and schema of the extensions that a database has and no migration creates."""
    made = {
        statement.node.get("extname")
        for migration in migrations
        for statement in parse(migration.sql)
        if statement.kind == "CreateExtensionStmt"
    }
    return tuple((name, schema) for name, schema in connection.execute(INSTALLED) if name not in made)


def switch_on(
    connection: psycopg.Connection[Any], extensions: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """Create those that the server has and the database lacks, where it may; returns their names."""
    import psycopg
    from psycopg import sql

    absent = {row[0] for row in connection.execute(ABSENT, [[name for name, _ in extensions]])}
    done = []
    for name, schema in extensions:
        create = sql.SQL("create extension {}").format(sql.Identifier(name))
        place = sql.SQL(" with schema {}").format(sql.Identifier(schema))
        for statement in (create + place, create) if name in absent else ():
            with suppress(psycopg.Error):
                connection.execute(statement)
                done.append(name)
                break
    return tuple(done)
