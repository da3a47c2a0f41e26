"""One connection to a database, and what it means when there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scripts.adapters.database.database_url import Database
from scripts.errors import Unreachable
from scripts.shell.runner import quoted

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT = 8
NAME = "release-desk"  # by it the sessions of a dead desk are known


@contextlib.contextmanager
def session(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A session in autocommit; what goes wrong on it outside of the caller's own care is `Unreachable`.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    import psycopg

    try:
        with psycopg.connect(
            host=database.host,
            port=database.port,
            dbname=database.name,
            user=database.user,
            password=database.password.reveal() or None,
            sslmode=database.sslmode,
            sslrootcert=database.sslrootcert,
            connect_timeout=CONNECT_TIMEOUT,
            application_name=NAME,
            autocommit=True,
        ) as connection:
            yield connection
    except psycopg.Error as fault:
        where = f"the database `{database.name}` on `{database.host}:{database.port}`"
        raise Unreachable(
            f"{where} refuses{quoted(str(fault))}",
            "check `DATABASE_URL` (with its `sslmode` and `sslrootcert`) and `DATABASE_PASSWORD`",
        ) from None
