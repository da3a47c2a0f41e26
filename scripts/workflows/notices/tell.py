"""Telling people: a notice goes to the outbox, then to each chat; no release fails or waits for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from scripts.domain.notices import notice as notices
from scripts.domain.notices.notice import Deed, Notice
from scripts.domain.release.ledger import Event
from scripts.domain.settings import Environment
from scripts.errors import DeskError, Interrupted
from scripts.shell.signals import Stop
from scripts.workflows.notices.deliveries import Round
from scripts.workflows.run.run import Run
from scripts.workflows.toolbox import Toolbox

HASTE = 1.0  # seconds for notices of an interrupted run: a cancelled CI job has 10 in all


def start(run: Run) -> None:
    """A guarded environment is about to change; told while the release goes on."""
    if run.environment.guarded:
        _say(run.tools, lambda: notices.of_start(run.plan, _deed(run, over=False)), wait=False)


def success(run: Run) -> None:
    """A release, or a rollback that somebody asked for, is proven live and written down."""
    release = run.release or ""

    def made() -> Notice:
        if run.plan.facts.rolls_back:
            return notices.of_rollback(run.plan, _deed(run), release)
        following = run.tools.settings.after(run.environment)
        return notices.of_release(run.plan, _deed(run), release, following.name if following else None)

    _say(run.tools, made)


def failure(run: Run, error: DeskError, at_step: str) -> None:
    """A run failed, and was settled; whoever took its lock over tells the end of it himself."""
    if run.holding.lost:
        return

    def made() -> Notice:
        return notices.of_failure(
            run.plan,
            _deed(run),
            why=error.message,
            hint=error.hint or "`invoke status`",
            at_step=at_step,
            release=run.release,
            live=str(run.live or "not looked at"),
            rolled_back=_went_back(run),
        )

    _say(run.tools, made, budget=HASTE if isinstance(error, Interrupted) else None)


def stopped(tools: Toolbox, environment: Environment, event: Event) -> None:
    """The line was stopped, or goes on again."""
    reason = str(event.detail.get("reason", ""))
    deed = Deed(event.run, event.actor, event.at, reason=reason)

    def made() -> Notice:
        if event.kind == "release-hold":
            return notices.of_hold(environment, deed, lifted=True)
        until = str(event.detail["until"]) if event.kind == "freeze" else None
        return notices.of_freeze(environment, deed, until=until)

    _say(tools, made)


def backup_failed(tools: Toolbox, environment: Environment, fault: DeskError) -> None:
    """A backup is missing, could not be taken, or proves nothing."""
    deed = Deed(tools.new_id(), tools.actor, tools.now())
    _say(tools, lambda: notices.of_backup(environment, deed, why=fault.message, hint=fault.hint or ""))


def tell(tools: Toolbox, notice: Notice) -> None:
    """Tell one event. It raises nothing, and takes no longer than `[notices] budget`."""
    _say(tools, lambda: notice)


def flush(tools: Toolbox) -> None:
    """Deliver what earlier runs had to leave behind."""
    _say(tools, lambda: None)


def _went_back(run: Run) -> bool:
    """Whether the failed run has published the previous release again, and verified it."""
    facts = run.plan.facts
    if facts.previous is None or facts.previous.commit == facts.wanted or run.live is None:
        return False
    verified = any((each["name"], each["ending"]) == ("verify", "done") for each in run.steps)
    return verified and run.live.commit == facts.previous.commit


def _deed(run: Run, *, over: bool = True) -> Deed:
    seconds = sum(float(each["seconds"]) for each in run.steps) if over else None
    reason = run.holding.lock.reason
    return Deed(run.id, run.tools.actor, run.tools.now(), seconds, reason)


def _say(
    tools: Toolbox, made: Callable[[], Notice | None], *, wait: bool = True, budget: float | None = None
) -> None:
    """The promise of this file: whatever goes wrong here is a note, and time is bounded."""
    try:
        limit = min(budget or tools.settings.notices.budget, tools.settings.notices.budget)
        Round(tools, tools.clock() + limit).go(made(), wait=wait)
    except (Interrupted, Stop):
        if not wait:  # the release is still ahead: it must be put back; afterwards it is done, and stays so
            raise
    except Exception as fault:  # noqa: BLE001 - our own bug in a notice is no reason to fail a release
        with suppress(Exception):
            tools.progress.note(f"warning: a notice could not be told ({type(fault).__name__})")
