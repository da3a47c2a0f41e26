"""What a switch takes away, counted in its own transaction: rows that were live against those that are.

Both are in the database then, side by side, and no writer is let in, so the numbers are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.postgres.content import SnapshotReader, TableSize
from scripts.database.postgres.names import key_of
from scripts.database.restore.columns import Column, columns
from scripts.database.restore.plan import HISTORY, VIEWS, Change, Counts

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    Connection = psycopg.Connection[Any]

# Rows as their texts: equal values have equal texts, whatever type a table was given meanwhile.
BY_KEY = """
select count(*) filter (where n.k is null),
  count(*) filter (where o.v is distinct from n.v and o.k is not null and n.k is not null),
  count(*) filter (where o.k is null)
from (select {key} k, {row} v from only {old}) o full join (select {key} k, {row} v from only {new}) n
  on o.k = n.k
"""
BY_ROW = """
select coalesce(sum(greatest(coalesce(o.c, 0) - coalesce(n.c, 0), 0)), 0), null,
  coalesce(sum(greatest(coalesce(n.c, 0) - coalesce(o.c, 0), 0)), 0)
from (select {row} v, count(*) c from only {old} group by 1) o
full join (select {row} v, count(*) c from only {new} group by 1) n on o.v = n.v
"""


def count(reader: SnapshotReader, old_names: Mapping[str, str]) -> Counts:
    """Compare every table of the old schemas with its successor; `old_names`: schema -> old schema."""
    old, new = _tables(reader, old_names)
    was, now = _sums(reader, old), _sums(reader, new)
    changes = []
    for key in new:
        if now[key] == was.get(key) or key.startswith(HISTORY):
            continue
        rows: tuple[int, int | None, int] = (0, 0, now[key][0])
        if key in old:
            rows = _differences(reader.connection, old[key], new[key])
        changes.append(Change(key, now[key][0], was[key][0] if key in was else 0, *rows))
    gone = {key: was[key][0] for key in old if key not in new and not key.startswith(HISTORY)}
    return Counts(tuple(change for change in changes if change.any), gone, was, now)


def _tables(
    reader: SnapshotReader, old_names: Mapping[str, str]
) -> tuple[dict[str, TableSize], dict[str, TableSize]]:
    """The tables of the old schemas under the names that they had, and those of the app."""
    views = set(reader.connection.execute(VIEWS))
    tables = [table for table in reader.tables() if (table.schema, table.name) not in views]
    schemas = {old: schema for schema, old in old_names.items()}
    old = {key_of(schemas[each.schema], each.name): each for each in tables if each.schema in schemas}
    return old, {each.key: each for each in tables if toc.is_app_schema(each.schema)}


def _sums(reader: SnapshotReader, tables: Mapping[str, TableSize]) -> dict[str, tuple[int, str]]:
    totals = reader.checksums(list(tables.values()))
    return {key: (rows, checksum) for key, (_, (rows, checksum, _)) in zip(tables, totals, strict=True)}


def _differences(connection: Connection, old: TableSize, new: TableSize) -> tuple[int, int | None, int]:
    """Rows that only the old table has, rows of one key that differ, rows that only the new one has."""
    from psycopg import sql

    names = {"old": sql.Identifier(old.schema, old.name), "new": sql.Identifier(new.schema, new.name)}
    before, after = (columns(connection, each.as_string(connection)) for each in names.values())
    common = [name for name in before if name in after and not _generated(name, before, after)]
    key = [name for name, column in before.items() if column.key]
    by_key = bool(key) and key == [name for name, column in after.items() if column.key]
    query = sql.SQL(BY_KEY if by_key and set(key) <= set(common) else BY_ROW)
    row = connection.execute(query.format(**names, key=_text(key), row=_text(common))).fetchone()
    inserted, updated, deleted = row or (0, 0, 0)
    return int(inserted), None if updated is None else int(updated), int(deleted)


def _generated(name: str, *tables: Mapping[str, Column]) -> bool:
    return any(table[name].generated for table in tables)


def _text(names: Sequence[str]) -> sql.Composed:
    """Some columns of a row as one text; in it, null is no empty text."""
    from psycopg import sql

    parts = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL('(row({})::pg_catalog.text collate pg_catalog."C")').format(parts)
