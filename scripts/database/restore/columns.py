"""The columns of a live table, as a comparison of its rows needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import psycopg

COLUMNS = """
select a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod),
  coalesce(a.attnum = any(i.indkey), false), a.attgenerated <> ''
from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


class Column(NamedTuple):
    """A column of a table as it is now; `key`: part of the primary key."""

    name: str
    type_oid: int
    type: str
    key: bool
    generated: bool


def columns(connection: psycopg.Connection[Any], table: str) -> dict[str, Column]:
    """Its columns in order; `table` is quoted as in SQL. Empty if there is no such table."""
    return {row[0]: Column(*row) for row in connection.execute(COLUMNS, [table])}
