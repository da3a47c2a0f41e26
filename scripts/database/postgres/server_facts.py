# pure
"""What `doctor` asks of a server, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.database.postgres.trouble import Trouble

SERVER_FACTS = """
select current_setting('server_version_num')::int / 10000, extract(epoch from clock_timestamp())::float8,
  (select version from pg_stat_ssl where pid = pg_backend_pid() and ssl),
  has_database_privilege(current_user, current_database(), 'CREATE'),
  current_setting('transaction_read_only')::bool, pg_is_in_recovery()
"""


@dataclass(frozen=True)
class ServerFacts:
    """What `doctor` checks.

    Args:
        now: the server's clock, in seconds since 1970.
        tls: the protocol of this connection, such as `TLSv1.3`; None for plain text.
        may_create: whether this user may create schemas, as migrations do.
        unwritable: why nothing can be written, with what to do; None where it can.
    """

    major: int
    now: float
    tls: str | None
    may_create: bool
    unwritable: Trouble | None = None
