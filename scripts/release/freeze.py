"""Stopping the line, and letting it go on: `freeze`, `unfreeze`, `release-hold`; all in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.notify import tell
from scripts.state import ledger as state_ledger
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import append, read_ledger


def freeze(desk: Desk, environment: Environment, until: str, reason: str) -> Outcome:
    """No release until then; going back stays possible."""
    end = moment(until)
    if end <= desk.now():
        raise Refused(f"`{until}` is over already", "give a time to come, e.g. `2030-01-02T08:00`")
    if not reason.strip():
        raise Refused("say why: who is stopped will ask", "`--reason TEXT`")
    write(desk, environment, "freeze", until=end, reason=reason)
    return Outcome.done(
        f"{environment.name} is frozen until {end}",
        f"to lift it: `invoke unfreeze --env {environment.name} --reason ...`",
    )


def unfreeze(desk: Desk, environment: Environment, reason: str) -> Outcome:
    """Releases may go on."""
    if now(desk).freeze(environment.name, desk.now()) is None:
        return Outcome.nothing(f"{environment.name} is not frozen")
    write(desk, environment, "unfreeze", reason=reason)
    return Outcome.done(f"{environment.name} is no longer frozen")


def release_hold(desk: Desk, environment: Environment, reason: str) -> Outcome:
    """Releases may go on after a rollback; the commit that was left stays bad."""
    if now(desk).hold(environment.name) is None:
        return Outcome.nothing(f"{environment.name} is not held")
    write(desk, environment, "release-hold", reason=reason)
    return Outcome.done(f"{environment.name} is no longer held")


def now(desk: Desk) -> Ledger:
    """The ledger as it is now."""
    return read_ledger(desk, desk.git.observe([state_ledger.REF]).get(state_ledger.REF))


def write(desk: Desk, environment: Environment, kind: str, **detail: Any) -> Event:
    """Append one event that is no release."""

    def make(ledger: Ledger) -> Event:
        live = ledger.live(environment.name)
        return Event(
            environment=environment.name,
            kind=kind,
            ending="done",
            release=live.release if live else "",
            commit=live.commit if live else "",
            actor=desk.actor,
            at=desk.now(),
            run=desk.new_id(),
            detail=detail,
        )

    event = append(desk, now(desk).tip, make)
    tell.stopped(desk, environment, event)
    return event


def moment(text: str) -> str:
    """A time that a person typed, as UTC in ISO 8601; without a zone it is local time.

    Raises:
        Refused: it can't be read.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        raise Refused(f"`{text}` is no time", "write `2030-01-02` or `2030-01-02T08:00`") from None


# `freeze`: no release to an environment for a time.


def freeze_task(desk: Desk, *, env: str, until: str, reason: str) -> Outcome:
    """Write it to the ledger; every desk and CI obey it."""
    return freeze(desk, desk.settings.environment(env), until, reason)


# `unfreeze`: releases may go on before the time is over.


def unfreeze_task(desk: Desk, *, env: str, reason: str) -> Outcome:
    """Write it to the ledger."""
    return unfreeze(desk, desk.settings.environment(env), reason)


# `release-hold`: releases may go on after a rollback.


def release_hold_task(desk: Desk, *, env: str, reason: str) -> Outcome:
    """Write it to the ledger."""
    return release_hold(desk, desk.settings.environment(env), reason)
