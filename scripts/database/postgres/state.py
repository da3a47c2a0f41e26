"""What stands in a database before and after something was tried in it: objects, and rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.database.postgres import catalogue, catalogue_queries
from scripts.database.postgres.catalogue import IsOurs
from scripts.database.postgres.catalogue_queries import CLASS, FREE_CLASS

if TYPE_CHECKING:
    import psycopg

MOST_ROWS = 2_000_000  # of a table that is counted; what a larger one holds is not looked at
# schema, name, estimated rows, rows written as the server counts them (also those that were rolled back)
TABLES = f"""
select n.nspname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.reltuples::bigint,
  coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0)
from {CLASS} left join pg_stat_all_tables s on s.relid = c.oid
where c.relkind = 'r' and c.relpersistence <> 't' and {FREE_CLASS}"""  # noqa: S608 - constants only
NEXT_TRANSACTION = "select pg_snapshot_xmax(pg_current_snapshot())::text::numeric % 4294967296"
SCHEMA_OF = re.compile(r"(?:^| )(\"[^\"]+\"|[\w$]+)\.")
WRITTEN = "count(*) filter (where pg_catalog.age(xmin) <= pg_catalog.age('{}'::pg_catalog.xid))"


@dataclass(frozen=True)
class State:
    """One look at a database.

    Args:
        names: of everything that migrations make, platform schemas included; those of `public` come without
            their schema.
        things: object -> its lines, as drift describes them; the app's part.
        transaction: the id of the next transaction; 0 where rows were not looked at.
        rows: table -> its rows, and how many of them were written since `since`.
        uncounted: table -> the server's own count of rows written: tables that are too large to count.
    """

    names: frozenset[str] = frozenset()
    things: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transaction: int = 0
    rows: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    uncounted: Mapping[str, int] = field(default_factory=dict)


def read_state(
    connection: psycopg.Connection[Any], is_ours: IsOurs, *, rows: bool = False, since: int = 0
) -> State:
    """Look at a database.

    Args:
        rows: count the rows of the app's tables too.
        since: a transaction's id, of an earlier look.
    """
    names = frozenset(row[0] for row in connection.execute(catalogue_queries.NAMES) if row[0])
    connection.execute("set search_path = ''")
    ((transaction,),) = connection.execute(NEXT_TRANSACTION).fetchall()
    counted, uncounted = _rows(connection, is_ours, since or int(transaction)) if rows else ({}, {})
    things = catalogue.describe(connection, is_ours, ())
    return State(names, things, int(transaction) if rows else 0, counted, uncounted)


def _rows(
    connection: psycopg.Connection[Any], is_ours: IsOurs, since: int
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    counted, uncounted = {}, {}
    for schema, table, estimate, written in connection.execute(TABLES).fetchall():
        if not is_ours(schema):
            continue
        if estimate > MOST_ROWS:
            uncounted[table] = int(written)
            continue
        query = f"select count(*), {WRITTEN.format(since)} from only {table}"  # noqa: S608 - quoted there
        ((count, new),) = connection.execute(query.encode()).fetchall()
        counted[table] = int(count), int(new)
    return counted, uncounted


def changed_rows(before: State, after: State) -> Iterator[str]:
    """The tables whose rows changed between two looks, in words; `after` was taken `since` `before`.

    Others may have written meanwhile: that can't be told apart.
    """
    for table, (count, written) in sorted(after.rows.items()):
        was = before.rows.get(table, (0, 0))[0]
        if written or count != was:
            yield f"table {table}: {written} rows written ({was} before, {count} now)"
    for table, total in sorted(after.uncounted.items()):
        if total != before.uncounted.get(table, 0):
            yield f"table {table}: too large to count, and written to: what of it stands is unknown"


def changed_names(before: State, after: State, is_ours: IsOurs) -> Iterator[str]:
    """Broken indexes; and what was made or dropped in the platform's schemas, which is not described."""
    for names, word in ((after.names - before.names, "made"), (before.names - after.names, "dropped")):
        for name in sorted(names):
            schema = SCHEMA_OF.search(name)
            described = name.startswith(("trigger ", "policy "))  # of the app, on the platform's tables
            foreign = schema and not described and not is_ours(schema[1].strip('"'))
            if foreign or name.startswith("invalid index "):
                yield f"{name}: {word}"
