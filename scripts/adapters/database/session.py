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
# Application names. What a dead desk left is known by them, and an heir ends who may still commit:
DESK = "release-desk"
READER = "release-desk (reads)"  # never ended: it changes nothing
BACKUP = "release-desk backup"


def connected(database: Database, application: str = DESK) -> psycopg.Connection[Any]:
    """A connection in autocommit, known to the server by that name.

    Raises:
        psycopg.Error: there is none.
    """
    import psycopg

    return psycopg.connect(
        host=database.host,
        port=database.port,
        dbname=database.name,
        user=database.user,
        password=database.password.reveal() or None,
        sslmode=database.sslmode,
        sslrootcert=database.sslrootcert,
        connect_timeout=CONNECT_TIMEOUT,
        application_name=application,
        autocommit=True,
    )


@contextlib.contextmanager
def session(database: Database, application: str = DESK) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit; what goes wrong on it outside of the caller's own care is `Unreachable`.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    import psycopg

    try:
        with connected(database, application) as connection:
            yield connection
    except psycopg.Error as fault:
        where = f"the database `{database.name}` on `{database.host}:{database.port}`"
        raise Unreachable(
            f"{where} refuses{quoted(str(fault))}",
            "check `DATABASE_URL` (with its `sslmode` and `sslrootcert`) and `DATABASE_PASSWORD`",
        ) from None
