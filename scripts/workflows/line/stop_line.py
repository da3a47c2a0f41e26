"""Stopping the line, and letting it go on: `freeze`, `unfreeze`, `release-hold`; all in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scripts.domain.outcome import Outcome
from scripts.domain.release import ledger as ledgers
from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.workflows.notices import tell
from scripts.workflows.release.observe import read_ledger
from scripts.workflows.run.record import append
from scripts.workflows.toolbox import Toolbox


def freeze(tools: Toolbox, environment: Environment, until: str, reason: str) -> Outcome:
    """No release until then; going back stays possible."""
    end = moment(until)
    if end <= tools.now():
        raise Refused(f"`{until}` is over already", "give a time to come, e.g. `2030-01-02T08:00`")
    if not reason.strip():
        raise Refused("say why: who is stopped will ask", "`--reason TEXT`")
    write(tools, environment, "freeze", until=end, reason=reason)
    return Outcome.done(
        f"{environment.name} is frozen until {end}",
        f"to lift it: `invoke unfreeze --env {environment.name} --reason ...`",
    )


def unfreeze(tools: Toolbox, environment: Environment, reason: str) -> Outcome:
    """Releases may go on."""
    if now(tools).freeze(environment.name, tools.now()) is None:
        return Outcome.nothing(f"{environment.name} is not frozen")
    write(tools, environment, "unfreeze", reason=reason)
    return Outcome.done(f"{environment.name} is no longer frozen")


def release_hold(tools: Toolbox, environment: Environment, reason: str) -> Outcome:
    """Releases may go on after a rollback; the commit that was left stays bad."""
    if now(tools).hold(environment.name) is None:
        return Outcome.nothing(f"{environment.name} is not held")
    write(tools, environment, "release-hold", reason=reason)
    return Outcome.done(f"{environment.name} is no longer held")


def now(tools: Toolbox) -> Ledger:
    """The ledger as it is now."""
    return read_ledger(tools, tools.git.observe([ledgers.REF]).get(ledgers.REF))


def write(tools: Toolbox, environment: Environment, kind: str, **detail: Any) -> Event:
    """Append one event that is no release."""

    def make(ledger: Ledger) -> Event:
        live = ledger.live(environment.name)
        return Event(
            environment=environment.name,
            kind=kind,
            ending="done",
            release=live.release if live else "",
            commit=live.commit if live else "",
            actor=tools.actor,
            at=tools.now(),
            run=tools.new_id(),
            detail=detail,
        )

    event = append(tools, now(tools).tip, make)
    tell.stopped(tools, environment, event)
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
