"""Rows of the schemas that were moved aside, taken over into what an archive made anew, in its transaction.

No trigger fires meanwhile, so nothing is written twice; the foreign keys, which are triggers too,
are looked at afterwards, every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.content import SnapshotReader
from scripts.errors import CommandFailed

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql


Name = tuple[str, str]

# columns of a table with their type, and whether the key has them
COLUMNS = """
select a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod),
  coalesce(a.attnum = any(i.indkey), false)
from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
"""
KEYS = """
select k.conname, n.nspname, c.relname, pn.nspname, p.relname,
  array(select a.attname from unnest(k.conkey) with ordinality x(num, place) join pg_attribute a
    on (a.attrelid, a.attnum) = (k.conrelid, x.num) order by x.place)::text[],
  array(select a.attname from unnest(k.confkey) with ordinality x(num, place) join pg_attribute a
    on (a.attrelid, a.attnum) = (k.confrelid, x.num) order by x.place)::text[],
  array(select format('operator(%%I.%%s)', m.nspname, o.oprname) from unnest(k.conpfeqop) with ordinality
    x(op, place) join pg_operator o on o.oid = x.op join pg_namespace m on m.oid = o.oprnamespace
    order by x.place)::text[]
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
where k.contype = 'f' and k.conparentid = 0 and k.convalidated and n.nspname = any(%s)
"""
SEQUENCES = """
select new.sequencename, old.last_value from pg_sequences old join pg_sequences new
on (new.schemaname, new.sequencename) = (%s, old.sequencename)
where old.schemaname = %s and old.last_value is not null
  and (old.last_value - coalesce(new.last_value, new.start_value)) * sign(new.increment_by) >= 0
"""
VIEWS = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated and n.nspname = any(%s) order by c.oid
"""


@dataclass(frozen=True)
class Taken:
    """What of a table's live rows is taken over.

    Args:
        key: `schema.table`.
        columns: those that both have.
        how: `live`: the live rows take the place of the archive's; `both`: those with a new key come
            to the archive's; `archive`: none does.
    """

    key: str
    columns: tuple[str, ...]
    how: str

    @property
    def schema(self) -> str:
        """Its schema."""
        return self.key.partition(".")[0]

    @property
    def table(self) -> str:
        """Its name without the schema."""
        return self.key.partition(".")[2]


def take_over(
    connection: psycopg.Connection[Any],
    taken: Sequence[Taken],
    schemas: Collection[str],
    aside: Callable[[str], str],
) -> None:
    """Take the live rows over; then sequences, foreign keys, and views that hold rows.

    Args:
        connection: in the transaction that moved them aside.
        taken: the tables with rows to take over.
        schemas: the app's.
        aside: where each of them was moved.

    Raises:
        CommandFailed: a row refers to one that is not there any more.
    """
    from psycopg import sql

    connection.execute("set local session_replication_role = replica")  # no trigger writes a second time
    differ = _differing(connection, taken, aside)
    for each in taken:
        if each.how != "archive" and (each.schema, each.table) in differ:
            _take(connection, each, aside(each.schema))
    for schema in schemas:
        for name, last in connection.execute(SEQUENCES, [schema, aside(schema)]).fetchall():
            value = sql.Identifier(schema, name).as_string(connection)
            connection.execute("select setval(%s::regclass, %s)", [value, last])
    keyed = {(each.schema, each.table) for each in taken if each.how != "live"}
    _settle(connection, schemas, keyed, aside)
    connection.execute("set local session_replication_role = origin")
    for name in connection.execute(VIEWS, [list(schemas)]).fetchall():
        connection.execute(sql.SQL("refresh materialized view {}").format(sql.Identifier(*name)))


def _differing(
    connection: psycopg.Connection[Any], taken: Sequence[Taken], aside: Callable[[str], str]
) -> set[Name]:
    """Those whose rows aside are not those of the archive already."""
    reader = SnapshotReader(connection)
    listed = {(each.schema, each.name): each for each in reader.tables()}
    found = set()
    for each in taken:
        old, new = listed.get((aside(each.schema), each.table)), listed.get((each.schema, each.table))
        if old and new:
            sums = [total[:2] for _, total in reader.checksums([old, new])]
            if sums[0] != sums[1]:
                found.add((each.schema, each.table))
    return found


def _take(connection: psycopg.Connection[Any], taken: Taken, aside: str) -> None:
    from psycopg import sql

    new, old = sql.Identifier(taken.schema, taken.table), sql.Identifier(aside, taken.table)
    wanted, there = _columns(connection, new), _columns(connection, old)
    key = [name for name, (_, _, keyed) in wanted.items() if keyed]
    whole = taken.how == "live"
    if not whole and not (key and set(key) <= set(taken.columns)):
        raise CommandFailed(
            f"the rows of `{taken.schema}.{taken.table}` can't be told apart: it has no key"
        )
    picked = []
    for name in taken.columns:
        column, (oid, kind, _) = sql.SQL("a.{}").format(sql.Identifier(name)), wanted[name]
        # a type that was made anew is another one to the server, with the same texts
        cast = "{}" if there[name][0] == oid else f"{{}}::pg_catalog.text::{kind}"
        picked.append(sql.SQL(cast).format(column))
    if whole:
        connection.execute(sql.SQL("delete from only {}").format(new))
    order = sql.SQL(
        "insert into {new} ({names}) overriding system value"
        " select {picked} from only {old} a where {which}"
        if taken.columns
        else "insert into {new} select from only {old} a where {which}"
    )
    absent = sql.SQL("not exists (select from only {new} n where {same})").format(
        new=new, same=_same("n", "a", key)
    )
    names = sql.SQL(", ").join(map(sql.Identifier, taken.columns))
    connection.execute(
        order.format(
            new=new,
            names=names,
            picked=sql.SQL(", ").join(picked),
            old=old,
            which=sql.SQL("true") if whole else absent,
        )
    )


def _settle(
    connection: psycopg.Connection[Any],
    schemas: Collection[str],
    keyed: Collection[Name],
    aside: Callable[[str], str],
) -> None:
    """Rows that came back without what they refer to go again: users deleted them; no others may."""
    from psycopg import sql

    keys = connection.execute(KEYS, [list(schemas)]).fetchall()
    again = True
    while again:
        again = False
        for _, schema, table, *parent in keys:
            if (schema, table) not in keyed:
                continue
            new, old = sql.Identifier(schema, table), sql.Identifier(aside(schema), table)
            key = [name for name, (_, _, is_key) in _columns(connection, new).items() if is_key]
            if not key or not set(key) <= set(_columns(connection, old)):
                continue
            order = "delete from {} c where {} and not exists (select from only {} a where {})"
            gone = connection.execute(
                sql.SQL(order).format(new, _orphan(*parent), old, _same("c", "a", key))
            ).rowcount
            again = again or gone > 0
    for name, schema, table, *parent in keys:
        asked = sql.SQL("select count(*) from {} c where {}").format(
            sql.Identifier(schema, table), _orphan(*parent)
        )
        row = connection.execute(asked).fetchone()
        if row and row[0]:
            raise CommandFailed(
                f"{row[0]} rows of `{schema}.{table}` would refer to rows of `{parent[0]}.{parent[1]}` that"
                f" are gone (`{name}`); nothing was changed",
                "`--scope full` takes all tables back to one moment",
            )


def _orphan(
    schema: str, table: str, columns: list[str], referred: list[str], operators: list[str]
) -> sql.Composed:
    from psycopg import sql

    pairs = zip(columns, referred, operators, strict=True)
    same = [
        sql.SQL(f"p.{{}} {operator} c.{{}}").format(sql.Identifier(there), sql.Identifier(here))
        for here, there, operator in pairs
    ]
    given = [sql.SQL("c.{} is not null").format(sql.Identifier(each)) for each in columns]
    return sql.SQL("{} and not exists (select from {} p where {})").format(
        sql.SQL(" and ").join(given), sql.Identifier(schema, table), sql.SQL(" and ").join(same)
    )


def _same(one: str, other: str, key: Sequence[str]) -> sql.Composed:
    """The same row by its key, whatever its types are called."""
    from psycopg import sql

    part = sql.SQL(f"{one}.{{name}}::pg_catalog.text = {other}.{{name}}::pg_catalog.text")
    return sql.SQL(" and ").join(part.format(name=sql.Identifier(each)) for each in key)


def _columns(
    connection: psycopg.Connection[Any], table: sql.Identifier
) -> dict[str, tuple[int, str, bool]]:
    rows = connection.execute(COLUMNS, [table.as_string(connection)])
    return {name: (oid, kind, keyed) for name, oid, kind, keyed in rows}
