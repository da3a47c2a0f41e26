"""When a run fails: the way back, what is true now, the lock; the first error is never lost."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from scripts.domain.live import Expected, fault
from scripts.errors import DeskError, Interrupted, LiveUnknown, Locked, ReleaseFailed, TakenBack
from scripts.shell.runner import end_all
from scripts.workflows import publish
from scripts.workflows.run import Run, write_down

CHANGES_LIVE = ("publish", "verify", "finish")
CHANGES_WORKSPACE = ("build", *CHANGES_LIVE)


def settle(run: Run, error: DeskError) -> DeskError:
    """Put back what can be put back, write down how it ended, free the lock; returns what to say.

    One way back a run, only for a release that proved bad, never for a fault of the desk.
    """
    end_all()
    failed_at = run.at
    if run.holding.lost:  # somebody else is at work here now: look, and touch nothing
        run.live = run.tools.look(run.environment)
    elif isinstance(error, TakenBack) or (
        isinstance(error, ReleaseFailed) and failed_at in CHANGES_WORKSPACE
    ):
        error = _way_back(run, error)
    elif failed_at in CHANGES_LIVE or run.live is None:
        run.live = run.tools.look(run.environment)
    if run.live is not None and run.live.silent and failed_at in CHANGES_LIVE:
        error = _unknown(run, error)
    if run.migrated:
        error.message += f"\n  | its migrations stand: {', '.join(run.migrated)}"
    bad = error.bad if isinstance(error, TakenBack) else isinstance(error, ReleaseFailed)
    _write(run, error, "failed" if bad else "error", failed_at)
    error.data = run.document()
    return error


def _way_back(run: Run, error: DeskError) -> DeskError:
    """Bring the previous release back, and prove it; both facts are said."""
    previous = run.plan.facts.previous
    if run.plan.facts.rolls_back and run.at in CHANGES_LIVE:  # no rollback of a rollback
        return LiveUnknown(
            f"the rollback of {run.environment.name} failed: {error.message}"
            f"\n  | live now: {run.live}; the database has {run.schema or 'no migrations'}",
            f"look at {run.environment.url}; another release: `invoke rollback --env"
            f" {run.environment.name} --to vN`",
        )
    if previous is None:
        error.message += f"\n  | live now: {run.live} (nothing was released here before)"
        return error
    expected = Expected(previous.commit, run.environment.name, previous.detail.get("schema"))
    name = f"`{previous.release}` (`{previous.commit[:12]}`)"
    untouched = run.live is not None and fault(run.live, expected) is None
    if run.environment.publish == "manual" and not untouched:
        error.message += f"\n  | live now: {run.live}"
        error.hint = f"publish {name} again: `git` has it; press Publish on Replit"
        return error
    run.tools.progress.note(f"going back to {name}")
    with suppress(DeskError):
        run.holding.beat(back=error.message.splitlines()[0])
    try:
        publish.build(run, expected)
        if not untouched:
            publish.publish(run)
            publish.verify(run, expected)
    except DeskError as second:
        if untouched:  # what is live is known; only the workspace is not as it was
            error.message += f"\n  | {name} is still live; the workspace was not put back: {second.message}"
            error.hint = "press no Publish on Replit before the next release"
            return error
        run.live = run.tools.look(run.environment)
        return LiveUnknown(
            f"{error.message}\nand the way back to {name} failed: {second.message}"
            f"\n  | live now: {run.live}",
            f"look at {run.environment.url}, then `invoke status`",
        )
    again = "is still live" if untouched else "is live again, and verified"
    error.message += f"\n  | {name} {again}"
    return error


def _unknown(run: Run, error: DeskError) -> DeskError:
    if isinstance(error, LiveUnknown | Interrupted):
        return error
    return LiveUnknown(
        f"{error.message}\n  | and {run.environment.url} gives no answer: what is live is unknown",
        f"look at {run.environment.url}, then `invoke status`",
    )


def _write(run: Run, error: DeskError, ending: str, failed_at: str) -> None:
    """The failed attempt goes to the ledger and the lock is given back; if not, that is said too."""
    detail: dict[str, Any] = {
        "at_step": failed_at,
        "reason": error.message.splitlines()[0],
        "live": run.live.commit if run.live else None,
    }
    try:
        write_down(run, ending, moves_branch=False, **detail)
    except Locked as lost:
        error.message += f"\n  | {lost.message}"
    except DeskError as second:
        error.message += f"\n  | the lock of {run.environment.name} could not be given back: " + (
            second.message
        )
