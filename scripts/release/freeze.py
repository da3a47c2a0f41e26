"""`freeze`, `unfreeze` and `release-hold`: events in the ledger that stop releases, or let them go on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused, UsageError
from scripts.notify import deliver, events
from scripts.release import clock
from scripts.release.request import FreezeRequest, UnfreezeRequest
from scripts.replit.drivers import driver_of
from scripts.state.ledger import Ledger
from scripts.state.remote import fetch_ledger, record

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
SPAN = re.compile(r"(\d{1,6})([mhd])")
TIMES = "`2h`, `3d`, `2030-01-02` or `2030-01-02T08:00`"


def freeze(desk: Desk, request: FreezeRequest) -> Outcome:
    """No release until then; a rollback stays possible."""
    environment, end = desk.settings.environment(request.env), moment(request.until)
    if end <= clock.now_at(desk, environment, driver_of(desk, environment).live()):
        raise Refused(f"`{request.until}` is over already", "give a time to come, e.g. `2030-01-02T08:00`")
    if not request.reason.strip():
        raise UsageError("`--reason` is required", "`--reason TEXT`")
    _record(desk, environment, "freeze", until=end, reason=request.reason)
    return Outcome.done(
        f"{environment.name} is frozen until {end}",
        f"to lift it: `invoke unfreeze --env {environment.name} --reason ...`",
    )


def unfreeze(desk: Desk, request: UnfreezeRequest) -> Outcome:
    """Releases may go on before the time is over."""
    environment = desk.settings.environment(request.env)
    time = clock.now_at(desk, environment, driver_of(desk, environment).live())
    if now(desk).freeze(environment.name, time) is None:
        return Outcome.nothing(f"{environment.name} is not frozen")
    _record(desk, environment, "unfreeze", reason=request.reason)
    return Outcome.done(f"{environment.name} is no longer frozen")


def release_hold(desk: Desk, request: UnfreezeRequest) -> Outcome:
    """Releases may go on after a rollback; the commit that was left stays bad."""
    environment = desk.settings.environment(request.env)
    if now(desk).hold(environment.name) is None:
        return Outcome.nothing(f"{environment.name} is not held")
    _record(desk, environment, "release-hold", reason=request.reason)
    return Outcome.done(f"{environment.name} is no longer held")


def now(desk: Desk) -> Ledger:
    """The ledger as it is now."""
    return fetch_ledger(desk).ledger


def _record(desk: Desk, environment: Environment, kind: str, **detail: Any) -> None:
    event = record(desk, environment.name, kind, **detail)
    deliver.send(desk, lambda: events.of_stop(environment, event))


def moment(text: str) -> str:
    """A time that a person typed, as UTC in ISO 8601; without a zone it is local time; or `2h` from now.

    Raises:
        Refused: it can't be read.
    """
    if not text:
        raise UsageError("`--until` is missing", f"`--until` and {TIMES}")
    span = SPAN.fullmatch(text)
    try:
        if span:
            ends = datetime.now(UTC) + int(span[1]) * UNITS[span[2]]
            return ends.isoformat(timespec="seconds")
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        raise UsageError(f"`{text}` is no time", f"write {TIMES}") from None
