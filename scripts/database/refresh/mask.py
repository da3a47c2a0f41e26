"""Mask the accounts and the history of a scratch copy, complete it, and mask accounts in the target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.migrations.files import Migration
from scripts.database.postgres.client import session
from scripts.database.postgres.names import key_of
from scripts.database.postgres.url import Database
from scripts.database.refresh.columns import OURS, PLATFORM
from scripts.database.refresh.load import Copied, misfit
from scripts.database.refresh.masking_sql import FUNCTIONS, quote
from scripts.system.secret import Secret

if TYPE_CHECKING:
    import psycopg


BLOCK = 1 << 18  # bytes of rows that are searched at once
MATERIALIZED_VIEWS = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated and {OURS} order by c.oid
"""  # noqa: S608 - constants only
TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_|^information_schema$'
"""
HISTORY_COLUMNS = """
select attname from pg_attribute where attrelid = to_regclass('supabase_migrations.schema_migrations')
and attnum > 0 and not attisdropped and not attnotnull
"""


def prepare(copy: Database, *, unlogged: bool) -> None:
    """Make the masking function in an empty copy; unlogged tables are quicker to fill."""
    from psycopg import sql

    with session(copy) as connection, connection.transaction():
        connection.execute(FUNCTIONS.encode())
        for table in connection.execute(TABLES).fetchall() if unlogged else ():
            connection.execute(sql.SQL("alter table {} set unlogged").format(sql.Identifier(*table)))


def mask_copy_accounts(copy: Database, key: Secret, updates: Sequence[str]) -> None:
    """Make test users of the copy's accounts."""
    with session(copy) as connection, connection.transaction():
        _run(connection, key, updates)
        connection.execute("drop schema desk_mask cascade")


def rewrite_history(copy: Database, files: Sequence[Migration]) -> None:
    """Write the committed files into the migration history, in place of what was run.

    What was run by hand may hold rows; nothing is known of a version without a file.
    """
    from psycopg import sql

    known = {file.version: file for file in files}
    with session(copy) as connection, connection.transaction():
        free = {str(name) for (name,) in connection.execute(HISTORY_COLUMNS)}
        if not free:
            return
        history = sql.SQL("update supabase_migrations.schema_migrations set ")
        cleared = sql.SQL(", ").join(
            sql.SQL("{} = null").format(sql.Identifier(name)) for name in sorted(free)
        )
        connection.execute(history + cleared)
        for version, file in known.items():
            name = file.file.removeprefix(f"{version}_").removesuffix(".sql")
            values = {"statements": [file.sql], "name": name}
            for column in sorted(free & values.keys()):
                order = history + sql.SQL("{} = %s where version = %s").format(sql.Identifier(column))
                connection.execute(order, [values[column], version])


def delete_rows(copy: Database, deletes: Sequence[str]) -> None:
    """Delete rows that are too old from a complete copy, by the foreign keys' own rules.

    Raises:
        Refused: the schema does not allow it.
    """
    import psycopg
    from psycopg import sql

    with session(copy) as connection:
        try:
            with connection.transaction():
                for order in deletes:
                    connection.execute(order.encode())
                for view in connection.execute(MATERIALIZED_VIEWS, PLATFORM).fetchall() if deletes else ():
                    refresh = sql.SQL("refresh materialized view {}")
                    connection.execute(refresh.format(sql.Identifier(*view)))
        except psycopg.Error as error:
            if connection.closed:
                raise
            raise misfit(error) from None


def read_views(copy: Database, on_rows: Callable[[Copied, bytes], None]) -> None:
    """Pass on the rows of materialized views, which no dump holds, as `COPY` writes them."""
    from psycopg import sql

    with session(copy) as connection:
        for schema, view in connection.execute(MATERIALIZED_VIEWS, PLATFORM).fetchall():
            name = sql.Identifier(schema, view)
            cursor = connection.execute(sql.SQL("select * from {} limit 0").format(name))
            copied = Copied(key_of(schema, view), tuple(each.name for each in cursor.description or ()), "")
            order = sql.SQL("copy (select * from {}) to stdout").format(name)
            with connection.cursor().copy(order) as rows:
                for block in batched(map(bytes, rows)):
                    on_rows(copied, block)


def batched(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Rows in blocks."""
    block: list[bytes] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row)
        if size > BLOCK:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


def account_ids(database: Database) -> list[Any]:
    """The ids of the copy's accounts."""
    with session(database) as connection:
        return [row[0] for row in connection.execute("select id from auth.users")]


def mask_accounts(
    connection: psycopg.Connection[Any], key: Secret, updates: Sequence[str], ids: Sequence[Any]
) -> None:
    """Mask the accounts that another database has under these ids, within its open transaction."""
    for order, id_column in zip(updates, ("id", "user_id"), strict=False):
        _run(connection, key, [f"{order} where {quote(id_column)} = any(%s)"], [list(ids)])


def _run(
    connection: psycopg.Connection[Any], key: Secret, orders: Sequence[str], values: Sequence[Any] = ()
) -> None:
    connection.execute("select set_config('desk.key', %s, true)", [key.reveal()])
    for order in orders:
        connection.execute(order.encode(), list(values) or None)
