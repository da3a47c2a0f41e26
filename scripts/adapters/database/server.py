"""What a PostgreSQL server says about itself and about the connection to it."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.adapters.database.postgres import Postgres

FACTS = """
select current_setting('server_version_num')::int / 10000, extract(epoch from clock_timestamp())::float8,
  (select version from pg_stat_ssl where pid = pg_backend_pid() and ssl),
  has_database_privilege(current_user, current_database(), 'CREATE')
"""


@dataclass(frozen=True)
class About:
    """A server.

    Args:
        now: its clock, in seconds since 1970.
        tls: the protocol of this connection, such as `TLSv1.3`; None in clear.
        creates: whether this user may make schemas here, as migrations do.
    """

    major: int
    now: float
    tls: str | None
    creates: bool


class Server(Postgres):
    """A database that is asked about its server, too."""

    def about(self) -> About:
        """Raises Unreachable: no connection."""
        with self.session() as connection:
            row = connection.execute(FACTS).fetchone()
        major, now, tls, creates = row or (0, 0.0, None, False)
        return About(int(major), float(now), tls, bool(creates))
