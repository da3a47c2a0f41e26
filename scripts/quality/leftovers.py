"""The rows that a run of tests wrote, and their removal."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres.client import postgres_of
from scripts.errors import DeskError


def remove_rows(
    desk: Desk, environment: Environment, statements: Sequence[str], mark: str
) -> tuple[tuple[str, ...], int | None]:
    """Delete the rows, in one transaction.

    Args:
        statements: SQL.
        mark: how a person finds what is left.

    Returns:
        What is left, and how to find it; and how many rows there were, None if nobody knows.
    """
    try:
        postgres = postgres_of(desk, environment)
        if postgres is None or not statements:
            return (f"test data is left, there is nothing to remove it with: {mark}",), None
        with postgres.session() as connection, connection.transaction():
            rows = sum(max(0, connection.execute(sql.encode()).rowcount) for sql in statements)
    except DeskError as fault:
        return (f"test data is left ({fault.message.splitlines()[0]}): {mark}",), None
    if rows:
        desk.progress.note(f"{rows} rows of test data removed")
    return (), rows
