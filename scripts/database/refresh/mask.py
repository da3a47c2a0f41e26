"""A copy of production is masked on a scratch server, and then searched for what must not be left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.client import session
from scripts.database.postgres.url import Database
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
HOLDERS = f"""
select n.nspname, c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
where c.relkind in ('r','m') and a.attnum > 0 and not a.attisdropped
  and t.typcategory not in ('B', 'N', 'D', 'T', 'E') and t.typname not in ('uuid', 'oid')
  and (n.nspname = any(%(also)s) or ({OURS})) order by 1, 2, a.attnum
"""  # noqa: S608 - constants only
# of the platform's tables: what is never copied
EMPTIED = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p') and not c.relispartition and ((n.nspname = 'auth' and c.relname not in ('users', 'identities',
    'schema_migrations')) or (n.nspname = 'storage' and c.relname not in ('buckets', 'migrations'))
  or n.nspname in ('vault', 'net', 'cron', 'supabase_functions', 'realtime', '_realtime', 'pgsodium'))
"""  # noqa: E501
MATERIALIZED = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and {OURS} order by c.oid
"""  # noqa: S608 - constants only
VALUES = """select distinct v from (select {leaf} as v from {t} where {c} is not null limit 20000) s
where length(v) between 8 and 200 limit {n}"""
ADDRESS = re.compile(rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
TELLING = re.compile(r".*@.*|(?:\D*\d){6,}.*|\S+ \S+.*")  # an address, a number, several words
EACH, MOST = 40, 250  # values that are searched for: of one column, and in all


def columns(database: Database, platform: Sequence[str]) -> list[tuple[Any, ...]]:
    """Of the app's tables: table, column, type, not null, unique, computed, what it refers to."""
    with session(database) as connection:
        return list(connection.execute(COLUMNS, {"platform": list(platform)}))


def account_columns(database: Database) -> dict[str, list[str]]:
    """The columns of `auth.users` and `auth.identities` that can be written, as far as there are any."""
    query = """select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.oid in (to_regclass('auth.users'), to_regclass('auth.identities')) and attnum > 0
        and not attisdropped and attgenerated = '' order by c.relname, attnum"""
    found: dict[str, list[str]] = {}
    with session(database) as connection:
        for table, column in connection.execute(query):
            found.setdefault(str(table), []).append(str(column))
    return found


def canaries(database: Database, masked: Sequence[tuple[str, str, str]]) -> list[bytes]:
    """Telling values of the columns (table, column, type) that are to be masked, as they are before."""
    from psycopg import sql

    found: set[str] = set()
    with session(database) as connection:
        for table, column, kind in masked:
            leaf = (
                "jsonb_path_query({c}::jsonb, 'strict $.**') #>> '{{}}'" if "json" in kind else "{c}::text"
            )
            leaf = "unnest({c})::text" if kind.endswith("[]") else leaf
            query = sql.SQL(VALUES.replace("{leaf}", leaf)).format(
                c=sql.Identifier(column), t=sql.Identifier(*table.split(".", 1)), n=sql.Literal(EACH * 5)
            )
            known = [str(row[0]) for row in connection.execute(query)]
            found.update([each for each in known if TELLING.fullmatch(each)][:EACH])
    return [each.encode() for each in sorted(found)[:: max(1, len(found) // MOST)]]


def mask(
    database: Database, key: Secret, functions: str, orders: Sequence[str], platform: Sequence[str]
) -> None:
    """Carry the orders out on a scratch copy, all or nothing; empty what is never copied.

    Raises:
        Refused: one of them is not what the schema allows.
    """
    import psycopg
    from psycopg import sql

    with session(database) as connection:
        known = {"platform": list(platform)}
        try:
            with connection.transaction():
                connection.execute(functions.encode())
                connection.execute("select set_config('desk.key', %s, true)", [key.reveal()])
                for order in [each for each in orders if each.startswith("delete ")]:
                    connection.execute(order.encode())
                connection.execute("set local session_replication_role = replica")
                for row in connection.execute(EMPTIED).fetchall():
                    connection.execute(sql.SQL("delete from {}").format(sql.Identifier(*row)))
                for order in [each for each in orders if not each.startswith("delete ")]:
                    connection.execute(order.encode())
                connection.execute("set local session_replication_role = origin")
                for row in connection.execute(MATERIALIZED, known).fetchall():
                    connection.execute(sql.SQL("refresh materialized view {}").format(sql.Identifier(*row)))
                connection.execute("drop schema desk_mask cascade")
        except psycopg.Error as fault:
            if connection.closed:
                raise
            raise Refused(
                f"the rules don't fit the data; nothing was changed{quoted_lines(_without_values(fault))}",
                "choose another rule for that column in `masking.toml`",
            ) from None


def leaks(
    database: Database, domain: str, canaries: Sequence[bytes], platform: Sequence[str]
) -> Iterator[str]:
    """Where an address outside the test domain, or a known value, is still found: column and count."""
    from psycopg import sql

    allowed = f"@{domain}".encode()
    with session(database) as connection:
        given = {"platform": list(platform), "also": ["auth", "storage"]}
        for schema, table, column in connection.execute(HOLDERS, given).fetchall():
            order = sql.SQL("copy (select {c} from {t} where {c} is not null) to stdout").format(
                c=sql.Identifier(column), t=sql.Identifier(schema, table)
            )
            addresses = known = 0
            for chunk in _chunks(connection, order):
                found = [each for each in ADDRESS.findall(chunk) if not each.lower().endswith(allowed)]
                addresses += len(found)
                known += sum(each in chunk for each in canaries)
            if addresses:
                yield f"`{schema}.{table}.{column}` holds {addresses} addresses outside `{domain}`"
            if known:
                yield f"`{schema}.{table}.{column}` holds values of production"


def _chunks(connection: psycopg.Connection[Any], order: Any) -> Iterator[bytes]:
    """Rows in blocks of some megabytes; a row is never cut in two."""
    block: list[bytes] = []
    size = 0
    with connection.cursor().copy(order) as copy:
        for part in copy:
            block.append(bytes(part))
            size += len(block[-1])
            if size > 4_000_000:
                yield b"".join(block)
                block, size = [], 0
    yield b"".join(block)


def _without_values(fault: psycopg.Error) -> str:
    """The server's words without the row that it quotes: that may be a person."""
    diag = fault.diag
    where = ".".join(filter(None, (diag.schema_name, diag.table_name, diag.column_name)))
    rule = f" (constraint `{diag.constraint_name}`)" if diag.constraint_name else ""
    primary = diag.message_primary or type(fault).__name__
    return f"{where}: {primary}{rule}" if where else primary


def account_ids(database: Database) -> list[Any]:
    """Whose accounts the copy has."""
    with session(database) as connection:
        return [row[0] for row in connection.execute("select id from auth.users")]


def mask_accounts(
    connection: psycopg.Connection[Any],
    key: Secret,
    functions: str,
    orders: Sequence[str],
    ids: Sequence[Any],
) -> None:
    """The same for accounts that stand elsewhere under these ids; within the open transaction."""
    if not orders:
        return
    connection.execute(functions.encode())
    connection.execute("select set_config('desk.key', %s, true)", [key.reveal()])
    for order, key_of in zip(orders, ("id", "user_id"), strict=False):
        connection.execute(f"{order} where {key_of} = any(%s)".encode(), [list(ids)])
    connection.execute("drop schema desk_mask cascade")
