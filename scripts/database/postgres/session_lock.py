"""The database's advisory lock while a session holds it; the server may end the session at any time."""

from __future__ import annotations

import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.url import Database
from scripts.errors import Unreachable
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class SessionLock:
    """The lock, and the session that holds it."""

    database: Database
    connection: psycopg.Connection[Any]

    def check(self) -> None:
        """Ask the server whether the session is alive.

        Raises:
            Unreachable: it is not, so another run may hold the lock.
        """
        import psycopg

        try:
            self.connection.execute("select 1").close()
        except psycopg.OperationalError as fault:
            raise Unreachable(
                f"the session that held the lock of `{self.database.name}` on `{self.database.host}`"
                f" was ended{quoted_lines(str(fault))}",
                "`invoke status`, then try again",
            ) from fault

    def check_received(self) -> None:
        """As `check`, but ask only if the server has sent something, as it does when it ends a session."""
        if select.select([self.connection.fileno()], [], [], 0)[0]:
            self.check()
