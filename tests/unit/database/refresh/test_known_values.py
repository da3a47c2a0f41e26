"""A sample of identifying values, with a bounded number of rows for each column."""

from __future__ import annotations

from typing import Any

from scripts.database.refresh import known_values
from scripts.database.refresh.known_values import KnownValues
from scripts.database.refresh.rules import Column


class Connection:
    """Answers each query with these values."""

    def __init__(self, *values: str) -> None:
        self.values = values
        self.queries: list[str] = []

    def execute(self, query: bytes) -> list[tuple[str]]:
        self.queries.append(query.decode())
        return [(value,) for value in self.values]


def test_values_that_identify_somebody_are_kept() -> None:
    """Of numbers only long ones, of dates none; of another table's columns nothing is read."""
    columns = [
        Column("public.t", "a", "text"),
        Column("public.t", "b", "date"),
        Column("public.u", "c", "text"),
    ]
    known = KnownValues(columns)
    connection: Any = Connection("marie@sorbonne.fr", "single", "2030-01-01", "Marie Curie")
    known.collect(connection, "public.t", "pg_temp.raw")

    assert known.values == {"marie@sorbonne.fr", "Marie Curie"}
    assert len(connection.queries) == 1

    numbers = KnownValues([Column("public.t", "n", "bigint")])
    connection = Connection("33612345678", "-12345678")
    numbers.collect(connection, "public.t", "pg_temp.raw")
    assert numbers.values == {"33612345678"}


def test_few_rows_of_later_chunks_are_read() -> None:
    """The first chunk counts most, and there is an end."""
    known = KnownValues([Column("public.t", 'a "x"', "text[]")])
    connection: Any = Connection()
    for _ in range(200):
        known.collect(connection, "public.t", "pg_temp.raw")

    assert f"limit {known_values.FIRST})" in connection.queries[0]
    assert 'unnest("a ""x""")' in connection.queries[0]
    assert f"limit {known_values.LATER})" in connection.queries[1]
    assert len(connection.queries) == 1 + (known_values.MOST - known_values.FIRST) // known_values.LATER


def test_values_and_keys_of_documents_are_known() -> None:
    """Those of accounts, too."""
    connection: Any = Connection("Marie Curie", "x")
    KnownValues([Column("public.t", "j", "jsonb")]).collect(connection, "public.t", "raw")
    found = known_values.of_accounts(
        connection, {"users": ["id", "email", "created_at"], "identities": ["id", "email"]}
    )

    assert "keyvalue()" in connection.queries[0]
    assert 'select "email" from auth.users' in connection.queries[1]
    assert 'select "id", "email" from auth.identities' in connection.queries[2]
    assert found == {"Marie Curie"}
