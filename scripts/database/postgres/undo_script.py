"""Run one rollback script of a migration, and delete the migration from the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.trouble import trouble_of
from scripts.errors import CommandFailed
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg

FORGET = "delete from supabase_migrations.schema_migrations where version = %s"


def undo_script(connection: psycopg.Connection[Any], version: str, orders: Sequence[str]) -> None:
    """Run the `orders`, the last of which is the script, inside the open transaction.

    Raises:
        CommandFailed: the script failed, ended the transaction, or `version` is not in the history.
        psycopg.Error: the server went away, or can't work now.
    """
    import psycopg
    from psycopg.pq import TransactionStatus

    try:
        for statement in ("reset all", *orders, "reset role", "set constraints all immediate"):
            connection.execute(statement.encode("utf-8", "surrogateescape"))
        if connection.info.transaction_status != TransactionStatus.INTRANS:
            raise CommandFailed(f"the rollback script of `{version}` ended the transaction that it ran in")
        deleted = connection.execute(FORGET, [version]).rowcount
    except psycopg.Error as fault:
        # where the server went away, only the history tells what is applied
        if connection.closed or trouble_of(str(fault), fault.sqlstate):
            raise
        raise CommandFailed(
            f"the rollback script of `{version}` failed{quoted_lines(str(fault))}"
        ) from None
    if deleted != 1:
        raise CommandFailed(f"`{version}` is not in the history: nothing was undone")
