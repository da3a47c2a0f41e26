"""Mask a copy of production on a scratch server, and search it for what must not be left in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.postgres.client import session
from scripts.database.postgres.url import Database
from scripts.database.refresh.masking_sql import FUNCTIONS
from scripts.database.refresh.rules import Column
from scripts.errors import Refused
from scripts.system.process import quoted_lines
from scripts.system.secret import Secret

if TYPE_CHECKING:
    import psycopg


OURS = """n.nspname <> all(%(platform)s) and n.nspname !~ '^(pg_|desk_)'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.deptype = 'e')"""
COLUMNS = f"""
select n.nspname || '.' || c.relname, a.attname, case coalesce(b.typtype, t.typtype) when 'e' then 'enum'
    else format_type(coalesce(nullif(t.typbasetype, 0), t.oid), coalesce(nullif(t.typtypmod, -1), a.atttypmod)) end,
  a.attnotnull,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any(i.indkey)),
  a.attgenerated <> '' or a.attidentity = 'a',
  array(select fn.nspname || '.' || f.relname || '.' || fa.attname from pg_constraint k
    join lateral unnest(k.conkey, k.confkey) as pair(own, theirs) on pair.own = a.attnum
    join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
    join pg_attribute fa on fa.attrelid = f.oid and fa.attnum = pair.theirs
    where k.conrelid = c.oid and k.contype = 'f')
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
where c.relkind in ('r','p') and not c.relispartition and a.attnum > 0 and not a.attisdropped and {OURS}
order by 1, a.attnum
"""  # noqa: S608, E501 - constants only
TEXT_COLUMNS = f"""
select n.nspname, c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
where c.relkind in ('r','m') and a.attnum > 0 and not a.attisdropped
  and t.typcategory not in ('B', 'N', 'D', 'T', 'E') and t.typname not in ('uuid', 'oid')
  and (n.nspname = any(%(also)s) or ({OURS})) order by 1, 2, a.attnum
"""  # noqa: S608 - constants only
# the platform's tables whose rows are never copied
EMPTIED = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p') and not c.relispartition and ((n.nspname = 'auth' and c.relname not in ('users', 'identities',
    'schema_migrations')) or (n.nspname = 'storage' and c.relname not in ('buckets', 'migrations'))
  or n.nspname in ('vault', 'net', 'cron', 'supabase_functions', 'realtime', '_realtime', 'pgsodium'))
"""  # noqa: E501
MATERIALIZED_VIEWS = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and {OURS} order by c.oid
"""  # noqa: S608 - constants only
VALUES = """select distinct v from (select {leaf} as v from {t} where {c} is not null limit 20000) s
where length(v) between 8 and 200 limit {n}"""
ADDRESS = re.compile(rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# an address, a long number, or several words
IDENTIFYING = re.compile(r".*@.*|(?:\D*\d){6,}.*|\S+ \S+.*")
PER_COLUMN, IN_ALL = 40, 250  # how many canaries are searched for
BLOCK = 4_000_000  # bytes of rows that are searched at a time
PLATFORM = {"platform": list(toc.SCHEMAS)}  # a parameter of the queries above


def columns(database: Database) -> tuple[Column, ...]:
    """The columns of the app's tables."""
    with session(database) as connection:
        return tuple(
            Column(table, name, kind, required, unique, generated, tuple(keys))
            for table, name, kind, required, unique, generated, keys in connection.execute(
                COLUMNS, PLATFORM
            )
        )


def account_columns(database: Database) -> dict[str, list[str]]:
    """The columns of `users` and `identities` in `auth` that can be written; no key for a missing table."""
    query = """select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.oid in (to_regclass('auth.users'), to_regclass('auth.identities')) and attnum > 0
        and not attisdropped and attgenerated = '' order by c.relname, attnum"""
    by_table: dict[str, list[str]] = {}
    with session(database) as connection:
        for table, column in connection.execute(query):
            by_table.setdefault(str(table), []).append(str(column))
    return by_table


def canaries(database: Database, masked: Sequence[Column]) -> list[bytes]:
    """Identifying values of columns that are going to be masked; they must be gone afterwards."""
    from psycopg import sql

    values: set[str] = set()
    with session(database) as connection:
        for column in masked:
            leaf = "{c}::text"
            if column.kind.endswith("[]"):
                leaf = "unnest({c})::text"
            elif "json" in column.kind:
                leaf = "jsonb_path_query({c}::jsonb, 'strict $.**') #>> '{{}}'"
            query = sql.SQL(VALUES.replace("{leaf}", leaf)).format(
                c=sql.Identifier(column.name),
                t=sql.Identifier(*column.table.split(".", 1)),
                n=sql.Literal(PER_COLUMN * 5),
            )
            texts = [str(row[0]) for row in connection.execute(query)]
            values.update([text for text in texts if IDENTIFYING.fullmatch(text)][:PER_COLUMN])
    return [value.encode() for value in sorted(values)[:: max(1, len(values) // IN_ALL)]]


def mask_copy(database: Database, key: Secret, deletes: Sequence[str], updates: Sequence[str]) -> None:
    """Run the deletes and updates on a scratch copy, all or none, and empty what is never copied.

    Raises:
        Refused: the schema does not allow one of them.
    """
    import psycopg
    from psycopg import sql

    with session(database) as connection:
        try:
            with connection.transaction():
                _make_functions(connection, key)
                for order in deletes:  # with triggers, so that foreign keys cascade
                    connection.execute(order.encode())
                connection.execute("set local session_replication_role = replica")
                for table in connection.execute(EMPTIED).fetchall():
                    connection.execute(sql.SQL("delete from {}").format(sql.Identifier(*table)))
                for order in updates:
                    connection.execute(order.encode())
                connection.execute("set local session_replication_role = origin")
                for view in connection.execute(MATERIALIZED_VIEWS, PLATFORM).fetchall():
                    refresh = sql.SQL("refresh materialized view {}")
                    connection.execute(refresh.format(sql.Identifier(*view)))
                connection.execute("drop schema desk_mask cascade")
        except psycopg.Error as error:
            if connection.closed:
                raise
            raise Refused(
                f"the rules don't fit the data; nothing was changed{quoted_lines(_without_values(error))}",
                "choose another rule for that column in `masking.toml`",
            ) from None


def _make_functions(connection: psycopg.Connection[Any], key: Secret) -> None:
    connection.execute(FUNCTIONS.encode())
    connection.execute("select set_config('desk.key', %s, true)", [key.reveal()])


def _without_values(error: psycopg.Error) -> str:
    """The server's message without the row that it quotes, which may identify a person."""
    diag = error.diag
    where = ".".join(filter(None, (diag.schema_name, diag.table_name, diag.column_name)))
    rule = f" (constraint `{diag.constraint_name}`)" if diag.constraint_name else ""
    primary = diag.message_primary or type(error).__name__
    return f"{where}: {primary}{rule}" if where else primary


def leaks(database: Database, domain: str, canaries: Sequence[bytes]) -> Iterator[str]:
    """Columns that hold an address outside the test domain, or a canary, in words and without values."""
    from psycopg import sql

    allowed = f"@{domain}".encode()
    with session(database) as connection:
        parameters = {**PLATFORM, "also": ["auth", "storage"]}
        for schema, table, column in connection.execute(TEXT_COLUMNS, parameters).fetchall():
            order = sql.SQL("copy (select {c} from {t} where {c} is not null) to stdout").format(
                c=sql.Identifier(column), t=sql.Identifier(schema, table)
            )
            addresses = hits = 0
            for block in _blocks(connection, order):
                outside = [each for each in ADDRESS.findall(block) if not each.lower().endswith(allowed)]
                addresses += len(outside)
                hits += sum(canary in block for canary in canaries)
            if addresses:
                yield f"`{schema}.{table}.{column}` holds {addresses} addresses outside `{domain}`"
            if hits:
                yield f"`{schema}.{table}.{column}` holds values of production"


def _blocks(connection: psycopg.Connection[Any], order: Any) -> Iterator[bytes]:
    """Rows in blocks; no row is cut."""
    block: list[bytes] = []
    size = 0
    with connection.cursor().copy(order) as copy:
        for part in copy:
            block.append(bytes(part))
            size += len(block[-1])
            if size > BLOCK:
                yield b"".join(block)
                block, size = [], 0
    yield b"".join(block)


def account_ids(database: Database) -> list[Any]:
    """The ids of the copy's accounts."""
    with session(database) as connection:
        return [row[0] for row in connection.execute("select id from auth.users")]


def mask_accounts(
    connection: psycopg.Connection[Any], key: Secret, updates: Sequence[str], ids: Sequence[Any]
) -> None:
    """Mask the accounts that another database has under these ids, within its open transaction."""
    if not updates:
        return
    _make_functions(connection, key)
    for order, id_column in zip(updates, ("id", "user_id"), strict=False):
        connection.execute(f"{order} where {id_column} = any(%s)".encode(), [list(ids)])
    connection.execute("drop schema desk_mask cascade")
