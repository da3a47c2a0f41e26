"""What a message says of the state of the server."""

from __future__ import annotations

import pytest

from scripts.database.postgres import trouble
from scripts.database.postgres.trouble import Trouble, trouble_of

MESSAGES: list[tuple[str, str | None, Trouble | None]] = [
    ("cannot execute CREATE TABLE in a read-only transaction", "25006", trouble.READ_ONLY),
    ("cannot execute CREATE SCHEMA in a read-only transaction (SQLSTATE 25006)", None, trouble.READ_ONLY),
    ("pg_restore: error: cannot execute COPY in a read-only transaction", None, trouble.READ_ONLY),
    ("kann in einer Nur-Lese-Transaktion nicht ausgef\u00fchrt werden", "25006", trouble.READ_ONLY),
    ("cannot execute CREATE TABLE during recovery", "25006", trouble.STANDBY),
    ('could not extend file "base/1": No space left on device (SQLSTATE 53100)', None, trouble.FULL),
    ("FATAL:  sorry, too many clients already", None, trouble.CONNECTIONS),
    ("FATAL:  remaining connection slots are reserved", None, trouble.CONNECTIONS),
    ('FATAL:  too many connections for role "postgres"', None, trouble.CONNECTIONS),
    ("Max client connections reached", None, trouble.CONNECTIONS),
    ("FATAL:  the database system is starting up", None, trouble.AWAY),
    ("terminating connection due to administrator command", "57P01", trouble.AWAY),
    ("out of memory", "53200", trouble.MEMORY),
    ('relation "x" does not exist (SQLSTATE 42P01)', None, None),
    ("canceling statement due to statement timeout", "57014", None),
    ("", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "state", "expected"), MESSAGES)
def test_the_state_of_the_server_is_told(text: str, state: str | None, expected: Trouble | None) -> None:
    assert trouble_of(text, state) == expected
