"""When a run fails: what can be put back is, the truth is written, the lock given back or handed over."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import Any

from scripts.errors import DeskError, Interrupted, LiveUnknown, Locked, ReleaseFailed, TakenBack
from scripts.http import Expected, fault
from scripts.release import messages, publish, undo_schema
from scripts.release.run import Run, write_down
from scripts.state.ledger import Event
from scripts.system import signals
from scripts.system.process import end_all


def settle(run: Run, error: DeskError) -> DeskError:
    """Find out what is true, put back what can be, write it down; returns what to say.

    One way back a run, only for a release that proved bad, never for a fault of the desk. The
    first error is never lost, and nothing that fails here keeps the lock from being given back.
    """
    signals.ignore()
    end_all()
    failed_at = run.at
    bad = error.bad if isinstance(error, TakenBack) else isinstance(error, ReleaseFailed)
    first = error.message.splitlines()[0]
    try:
        error = _put_back(run, error, failed_at)
    except Exception as second:  # noqa: BLE001 - our own fault, and the lock must be freed all the same
        run.journal.write(at=run.desk.now(), fault=traceback.format_exc())
        error = LiveUnknown(
            f"{error.message}\n  | and putting it back failed: {type(second).__name__}",
            f"look at {run.environment.url}, then `invoke status`; see {run.journal.file}",
        )
    if run.migrated and not isinstance(error, TakenBack):
        error.message += f"\n  | its migrations stand: {undo_schema.left(run)}"
    arrived = False
    if isinstance(error, LiveUnknown) and error.resumable and not run.holding.lost:
        run.holding.end()  # handed over: nobody may release over a Publish that is under way
    else:
        try:
            arrived = _write(run, error, "failed" if bad else "error", at_step=failed_at, reason=first)
        except Locked as lost:
            error = _robbed(error, lost)
    error.data = run.document()
    if arrived:
        messages.success(run)
    else:
        messages.failure(run, error, failed_at)
    return error


def _put_back(run: Run, error: DeskError, failed_at: str) -> DeskError:
    if run.holding.lost:  # somebody else is at work here now: look, and touch nothing
        run.live = run.desk.look(run.environment)
        return error
    if isinstance(error, TakenBack):
        return way_back(run, error)
    if isinstance(error, ReleaseFailed) and failed_at in CHANGES_WORKSPACE:
        return way_back(run, error)
    if failed_at not in CHANGES_LIVE and run.live is not None:
        return error
    run.live = run.desk.look(run.environment)
    return _told_truly(run, error)


def _robbed(error: DeskError, lost: Locked) -> DeskError:
    """Whatever failed first: that the lock is another's is why, and the ending."""
    if isinstance(error, Locked | LiveUnknown | Interrupted):
        error.message += f"\n  | {lost.message}"
        return error
    return Locked(f"{lost.message}\n  | before that was seen: {error.message}", lost.hint)


def _told_truly(run: Run, error: DeskError) -> DeskError:
    """An error after the Publish was asked for says what is live, or that nobody knows."""
    if isinstance(error, Interrupted) and run.sent:
        return LiveUnknown(
            f"{error.message} after the Publish of `{run.plan.facts.wanted[:12]}` was asked for;"
            f" live now: {run.live}, and that may still change",
            f"`invoke resume --env {run.environment.name}` finishes or undoes it",
            resumable=True,
        )
    if run.live is not None and run.live.silent and not isinstance(error, LiveUnknown | Interrupted):
        return LiveUnknown(
            f"{error.message}\n  | and {run.environment.url} gives no answer: what is live is unknown",
            f"look at {run.environment.url}, then `invoke status`",
        )
    return error


def _write(run: Run, error: DeskError, ending: str, **detail: Any) -> bool:
    """The failed attempt goes to the ledger and the lock is given back; if not, that is said too.

    True when the last push of the run had arrived before it was broken off: it is a release after all.

    Raises:
        Locked: it is no longer ours.
    """
    live = run.live.commit if run.live else None
    try:
        event = write_down(run, ending, moves_branch=False, live=live, **detail)
    except Locked:
        raise
    except DeskError as second:
        name = run.environment.name
        error.message += f"\n  | the lock of {name} could not be given back: {second.message}"
    else:
        if event.ending == "done":
            error.message += f"\n  | it was released as {event.release}; the fault came after that"
        return event.ending == "done"
    return False


# The way back: the previous proven release is published and verified again, and both facts are said.


CHANGES_LIVE = ("scan", "publish", "verify", "finish")
CHANGES_WORKSPACE = ("build", *CHANGES_LIVE)


def way_back(run: Run, error: DeskError) -> DeskError:
    """Bring the previous release back, and prove it; returns the error with what became of it."""
    previous = run.plan.facts.previous
    if run.plan.facts.rolls_back and (run.at in CHANGES_LIVE or undo_schema.gone_back(run)):
        return _not_twice(run, error)
    if previous is None:
        error.message += f"\n  | live now: {run.live} (nothing was released here before)"
        return error
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    # what was asked for may still come: then the previous release has to be asked for after it
    untouched = not run.sent and run.live is not None and fault(run.live, expected) is None
    if run.environment.publish == "manual" and not untouched:
        return _by_hand(run, error, previous)
    with suppress(DeskError):
        run.holding.beat(back=error.message.splitlines()[0])
    run.desk.progress.note(f"going back to {_name(previous)}")
    due = undo_schema.due(run)
    try:
        publish.build(run, expected)
        if not untouched:
            publish.publish(run)
            publish.verify(run, expected, quiet=True, pages=not due)
    except DeskError as second:
        return _failed(run, error, second, previous, untouched=untouched)
    again = "is still live" if untouched else "is live again, and verified"
    error.message += f"\n  | {_name(previous)} {again}"
    return undo_schema.follow_code(run, error, expected, due)


def _name(release: Event) -> str:
    return f"`{release.release}` (`{release.commit[:12]}`)"


def _not_twice(run: Run, error: DeskError) -> DeskError:
    """No rollback of a rollback: a person decides."""
    name = run.environment.name
    return LiveUnknown(
        f"the rollback of {name} failed: {error.message}"
        f"\n  | live now: {run.live}; the database has {run.schema or 'no migrations'}",
        f"look at {run.environment.url}; another release: `invoke rollback --env {name} --to vN`",
    )


def _by_hand(run: Run, error: DeskError, previous: Event) -> DeskError:
    """Where a person presses Publish, nobody else can go back: at least the workspace does."""
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    with suppress(DeskError):
        publish.build(run, expected)
        error.message += f"\n  | the workspace is back at {_name(previous)}"
    run.live = run.desk.look(run.environment)
    error.message += f"\n  | live now: {run.live}"
    return error


def _failed(
    run: Run, error: DeskError, second: DeskError, previous: Event, *, untouched: bool
) -> DeskError:
    if untouched:  # what is live is known; only the workspace is not as it was
        error.message += (
            f"\n  | {_name(previous)} is still live; the workspace was not put back: {second.message}"
        )
        error.hint = "press no Publish on Replit before the next release"
        return error
    run.live = run.desk.look(run.environment)
    return LiveUnknown(
        f"{error.message}\nand the way back to {_name(previous)} failed: {second.message}"
        f"\n  | live now: {run.live}",
        f"look at {run.environment.url}, then `invoke status`",
    )
