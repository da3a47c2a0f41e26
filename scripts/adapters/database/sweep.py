"""Takes test data out of a database again."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.adapters.database.postgres import Postgres


def sweep(postgres: Postgres, statements: Sequence[str]) -> int:
    """Run the statements in one transaction; how many rows they took in all.

    Raises:
        Unreachable: no connection, or a statement was refused; then nothing was taken.
    """
    with postgres.session() as connection, connection.transaction():
        return sum(max(0, connection.execute(each.encode()).rowcount) for each in statements)
