"""Values of columns that are going to be masked: they must be found nowhere afterwards."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.refresh.masking_sql import HARMLESS, quote
from scripts.database.refresh.rules import DATES, JSON, NUMBERS, Column
from scripts.database.refresh.search import LONGEST, identifies

if TYPE_CHECKING:
    import psycopg


FIRST, LATER, MOST = 5000, 60, 8000  # rows of the first chunk, rows of a later one, rows of a column in all
LONG_NUMBER = 9  # digits of a number that is somebody's
# every text of a document, and every key
LEAVES = """(select jsonb_path_query(e::jsonb,
  'strict $.** ? (@.type() == "string" || @.type() == "number")') #>> '{}' union all
select jsonb_path_query(e::jsonb, 'lax $.** ? (@.type() == "object").keyvalue().key') #>> '{}')"""


class KnownValues:
    """Collects a sample of identifying values while rows are loaded, by several threads.

    A table of up to `FIRST` rows is collected whole.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._queries = {
            (column.table, column.name): _query(column) for column in columns if _counts(column)
        }
        self._numbers = {(column.table, column.name) for column in columns if column.word in NUMBERS}
        self._rows: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self.values: set[str] = set()

    def collect(self, connection: psycopg.Connection[Any], table: str, raw: str) -> None:
        """Look at some rows of a chunk of the table, which the relation `raw` holds."""
        for (owner, column), query in self._queries.items():
            rows = self._rows_to_read(owner, column) if owner == table else 0
            if rows:
                order = query.replace("<raw>", raw).replace("<rows>", str(rows))
                found = [str(row[0]) for row in connection.execute(order.encode())]
                self.add(found, LONG_NUMBER if (owner, column) in self._numbers else 0)

    def add(self, values: Iterable[str], digits: int = 0) -> None:
        """Keep those that identify somebody; of numbers, those of so many digits."""
        kept = {value for value in values if len(value) >= digits and identifies(value)}
        with self._lock:
            self.values |= kept

    def _rows_to_read(self, table: str, column: str) -> int:
        with self._lock:
            seen = self._rows[(table, column)]
            rows = 0 if seen >= MOST else LATER if seen else FIRST
            self._rows[(table, column)] += rows
            return rows


def _counts(column: Column) -> bool:
    """Dates and small numbers say nothing."""
    return column.word not in (*DATES, "real", "double precision", "smallint", "boolean", "enum", "uuid")


def _query(column: Column) -> str:
    """The values of some rows; `{raw}` and `{rows}` are still to be filled in."""
    name = quote(column.name)
    element = f"unnest({name})" if column.is_list else name
    return f"select distinct v from (select {element} as e from <raw> limit <rows>) r, {_texts(column)}"


def _texts(column: Column) -> str:
    texts = LEAVES if column.word in JSON else "(select e::text)"
    return f"lateral {texts} as l(v) where length(v) between 5 and {LONGEST}"


def of_accounts(connection: psycopg.Connection[Any], columns: Mapping[str, Sequence[str]]) -> set[str]:
    """Identifying values of the platform's accounts, before they become test users."""
    values: set[str] = set()
    for table, names in columns.items():
        # of `users` these are moments, flags and keys, which say nothing
        read = ", ".join(quote(name) for name in names if table != "users" or name not in HARMLESS)
        document = f"select {read} from auth.{table} limit {MOST}"
        rows = f"(select jsonb_strip_nulls(to_jsonb(a)) as e from ({document}) a) r"
        leaves = f"lateral {LEAVES} as l(v) where length(v) between 5 and {LONGEST}"
        query = f"select distinct v from {rows}, {leaves}"
        values |= {str(row[0]) for row in connection.execute(query.encode()) if identifies(str(row[0]))}
    return values
