"""What time it is: by an environment's database, else by its public URL; our own clock may be wrong."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres.client import postgres_of
from scripts.errors import DeskError
from scripts.replit.live import Answer
from scripts.system.background import submit

LEAST = 30.0  # seconds; a smaller difference is not worth a word


@dataclass(frozen=True)
class Time:
    """The time that counts for an environment: whether it is frozen, how old a proof is.

    Args:
        now: UTC, ISO 8601.
        skew: in words, that this machine's clock differs; "" if it does not.
    """

    now: str
    skew: str = ""


def begin(desk: Desk, environment: Environment) -> Future[float | None]:
    """Ask the environment's database in the background; for `time_of`."""
    return submit(_of_database, desk, environment)


def time_of(desk: Desk, environment: Environment, database: Future[float | None], live: Answer) -> Time:
    """The time by the database; by the public URL's answer where that has none, or does not answer.

    With neither, this machine's.
    """
    ours = datetime.fromisoformat(desk.now())
    ahead, source = database.result(), f"the database of {environment.name}"
    if ahead is None and live.at is not None:
        ahead, source = live.at - ours.timestamp(), environment.url
    if ahead is None:
        return Time(desk.now())
    now = (ours + timedelta(seconds=ahead)).astimezone(UTC).isoformat(timespec="seconds")
    if abs(ahead) < LEAST:
        return Time(now)
    which = "behind" if ahead > 0 else "ahead of"
    return Time(now, f"this clock is {abs(ahead):.0f} s {which} that of {source}, which counts")


def now_at(desk: Desk, environment: Environment, live: Answer) -> str:
    """The time that counts, now; a skew is said."""
    time = time_of(desk, environment, begin(desk, environment), live)
    if time.skew:
        desk.progress.note(f"warning: {time.skew}")
    return time.now


def _of_database(desk: Desk, environment: Environment) -> float | None:
    """Seconds by which the database's clock is ahead of ours; None if it can't be asked."""
    with suppress(DeskError):
        postgres = postgres_of(desk, environment)
        if postgres is not None:
            theirs = postgres.server_facts().now
            return theirs - datetime.fromisoformat(desk.now()).timestamp()
    return None
