"""The columns of a database's app, as the masking rules see them, and those of the platform's accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.postgres.client import session
from scripts.database.postgres.names import key_of, split_key
from scripts.database.postgres.url import Database
from scripts.database.refresh.rules import Column

if TYPE_CHECKING:
    import psycopg


PLATFORM = {"platform": list(toc.SCHEMAS)}  # a parameter of the queries below
OURS = """n.nspname <> all(%(platform)s) and n.nspname !~ '^(pg_|desk_)'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.deptype = 'e')"""
# a domain's base type, through any number of domains, and the first length on the way
BASE = """with recursive step (typ, oid, mod) as (
  select oid, typbasetype, typtypmod from pg_type where typtype = 'd'
  union all select s.typ, t.typbasetype, case s.mod when -1 then t.typtypmod else s.mod end
  from step s join pg_type t on t.oid = s.oid where t.typtype = 'd'),
base as (select s.* from step s join pg_type t on t.oid = s.oid where t.typtype <> 'd')"""
NOW = r"^\(*(now\(\)|CURRENT_TIMESTAMP|LOCALTIMESTAMP|\w+_timestamp\(\)|timezone\('utc'::text, now\(\)\))"
COLUMNS = f"""
{BASE}
select n.nspname, c.relname, a.attname,
  case w.typtype when 'e' then 'enum' else format_type(w.oid, case when e.oid is null then whole.mod
    else coalesce(eb.mod, whole.mod) end) end || case when e.oid is null then '' else '[]' end,
  a.attnotnull or t.typnotnull,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any(i.indkey)),
  a.attgenerated <> '' or a.attidentity = 'a',
  array(select array[fn.nspname, f.relname, fa.attname]::text[] from pg_constraint k
    join lateral unnest(k.conkey, k.confkey) as pair(own, theirs) on pair.own = a.attnum
    join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
    join pg_attribute fa on fa.attrelid = f.oid and fa.attnum = pair.theirs
    where k.conrelid = c.oid and k.contype = 'f'),
  format_type(a.atttypid, a.atttypmod),
  exists (select from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'f')
    and a.attnum = any(k.conkey) or k.confrelid = c.oid and a.attnum = any(k.confkey)),
  a.attidentity <> '' or coalesce(pg_get_expr(v.adbin, v.adrelid) ~ '^nextval\\(', false),
  coalesce(pg_get_expr(v.adbin, v.adrelid) ~* %(now)s, false),
  b.typ is not null or eb.typ is not null
    or exists (select from pg_constraint k where k.contype = 'c' and k.conrelid = c.oid
      and a.attnum = any(k.conkey))
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid left join base b on b.typ = t.oid
join lateral (select coalesce(b.oid, t.oid) as oid, case when b.oid is null then a.atttypmod
  else b.mod end as mod) whole on true
join pg_type wt on wt.oid = whole.oid
left join pg_type e on wt.typcategory = 'A' and e.oid = wt.typelem
left join base eb on eb.typ = e.oid
join pg_type w on w.oid = coalesce(eb.oid, e.oid, whole.oid)
left join pg_attrdef v on v.adrelid = a.attrelid and v.adnum = a.attnum and a.attgenerated = ''
where c.relkind in ('r','p') and not c.relispartition and a.attnum > 0 and not a.attisdropped and {OURS}
order by 1, 2, a.attnum
"""  # noqa: S608 - constants only
# a partition's rows are masked by the rules of the whole table
PARTITIONS = """
select n.nspname, c.relname, rn.nspname, r.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_class r on r.oid = pg_partition_root(c.oid) join pg_namespace rn on rn.oid = r.relnamespace
where c.relispartition and c.relkind = 'r'
"""
ACCOUNTS = """select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.oid in (to_regclass('auth.users'), to_regclass('auth.identities')) and attnum > 0
  and not attisdropped and attgenerated = '' order by c.relname, attnum"""


def app_columns(database: Database) -> tuple[Column, ...]:
    """The columns of the app's tables; those of a partition are its table's."""
    with session(database) as connection, connection.transaction():
        connection.execute("set local search_path = ''")  # every type comes with its schema
        rows = connection.execute(COLUMNS, {**PLATFORM, "now": NOW})
        return tuple(
            Column(
                key_of(schema, table),
                name,
                kind,
                required,
                unique,
                generated,
                tuple(f"{key_of(*target[:2])}.{target[2]}" for target in keys),
                *more,
            )
            for schema, table, name, kind, required, unique, generated, keys, *more in rows
        )


def partitions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Partition -> the table that it is a part of, as `schema.table`."""
    return {key_of(*names[:2]): key_of(*names[2:]) for names in connection.execute(PARTITIONS)}


def account_columns(database: Database) -> dict[str, list[str]]:
    """The columns of `users` and `identities` in `auth` that can be written; no key for a missing table."""
    by_table: dict[str, list[str]] = {}
    with session(database) as connection:
        for table, column in connection.execute(ACCOUNTS):
            by_table.setdefault(str(table), []).append(str(column))
    return by_table


def check_expressions(database: Database, expressions: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What the server objects to in the expressions, table -> column -> SQL; nothing is read or changed."""
    import psycopg
    from psycopg import sql

    with session(database) as connection:
        for table, by_column in expressions.items():
            source = sql.Identifier(*split_key(table))
            for name, expression in by_column.items():
                order = sql.SQL("explain select {} from only {}").format(sql.SQL(expression), source)
                try:
                    connection.execute(order)
                except psycopg.Error as fault:
                    if connection.closed:
                        raise
                    yield f"`{table}.{name}`: {fault.diag.message_primary}"
