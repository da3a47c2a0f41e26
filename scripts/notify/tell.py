"""Telling people: a notice goes to the outbox, then to each chat; no release fails or waits for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import DeskError, Interrupted
from scripts.notify import events
from scripts.notify.deliver import Round
from scripts.notify.events import Deed, Notice
from scripts.state.ledger import Event
from scripts.system.signals import Stop


def stopped(desk: Desk, environment: Environment, event: Event) -> None:
    """The line was stopped, or goes on again."""
    reason = str(event.detail.get("reason", ""))
    deed = Deed(event.run, event.actor, event.at, reason=reason)

    def made() -> Notice:
        if event.kind == "release-hold":
            return events.of_hold(environment, deed, lifted=True)
        until = str(event.detail["until"]) if event.kind == "freeze" else None
        return events.of_freeze(environment, deed, until=until)

    say(desk, made)


def backup_failed(desk: Desk, environment: Environment, fault: DeskError) -> None:
    """A backup is missing, could not be taken, or proves nothing."""
    deed = Deed(desk.new_id(), desk.actor, desk.now())
    say(desk, lambda: events.of_backup(environment, deed, why=fault.message, hint=fault.hint or ""))


def tell(desk: Desk, notice: Notice) -> None:
    """Tell one event. It raises nothing, and takes no longer than `[notices] budget`."""
    say(desk, lambda: notice)


def flush(desk: Desk) -> None:
    """Deliver what earlier runs had to leave behind."""
    say(desk, lambda: None)


def say(
    desk: Desk, made: Callable[[], Notice | None], *, wait: bool = True, budget: float | None = None
) -> None:
    """The promise of this file: whatever goes wrong here is a note, and time is bounded."""
    try:
        limit = min(budget or desk.settings.notices.budget, desk.settings.notices.budget)
        Round(desk, desk.clock() + limit).go(made(), wait=wait)
    except (Interrupted, Stop):
        if not wait:  # the release is still ahead: it must be put back; afterwards it is done, and stays so
            raise
    except Exception as fault:  # noqa: BLE001 - our own bug in a notice is no reason to fail a release
        with suppress(Exception):
            desk.progress.note(f"warning: a notice could not be told ({type(fault).__name__})")
