# pure
"""States of a server in which nothing can be written now, whatever is tried: read-only, full, starting.

Told by the SQLSTATE, or by the words of a program that hides it. They are never a migration's fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Trouble:
    """What the server is, to follow `the database`, and what people can do about it."""

    state: str
    hint: str


READ_ONLY = Trouble(
    "is read-only",
    "look at its disk usage: Supabase makes a project read-only when its disk is full (Dashboard, Database,"
    " Settings); else `show default_transaction_read_only` says who did it",
)
STANDBY = Trouble(
    "is a standby, or in recovery: it takes no writes", "`DATABASE_URL` should name the primary server"
)
FULL = Trouble("has no disk space left", "free some, or give it a larger disk; then try again")
MEMORY = Trouble("has no memory left", "try again when less is going on")
CONNECTIONS = Trouble(
    "takes no more connections",
    "`select usename, application_name, count(*) from pg_stat_activity group by 1, 2 order by 3 desc`"
    " shows who has them; then try again",
)
AWAY = Trouble("is starting or stopping", "try again in a minute")

STATES = {
    "25006": READ_ONLY,
    "53100": FULL,
    "53200": MEMORY,
    "53300": CONNECTIONS,
    "53400": CONNECTIONS,
    "57P01": AWAY,
    "57P02": AWAY,
    "57P03": AWAY,
}
WORDS = (
    (re.compile(r"during recovery"), STANDBY),
    (re.compile(r"read-only transaction"), READ_ONLY),
    (re.compile(r"No space left on device|could not extend file"), FULL),
    (re.compile(r"too many (?:clients|connections)|remaining connection slots|[Mm]ax client connections"),
     CONNECTIONS),
    (re.compile(r"the database system is (?:starting up|shutting down|in recovery mode|not accepting)"
                r"|not yet accepting connections"), AWAY),
)  # fmt: skip
IN_TEXT = re.compile(r"SQLSTATE (\w{5})")


def trouble_of(text: str, state: str | None = None) -> Trouble | None:
    """The state of the server that a message tells of; None where the message tells of something else.

    Args:
        text: the server's or a program's message.
        state: the SQLSTATE, if it is known.
    """
    found = IN_TEXT.search(text)
    known = STATES.get(state or (found[1] if found else ""))
    worded = next((trouble for words, trouble in WORDS if words.search(text)), None)
    return STANDBY if worded is STANDBY else known or worded
