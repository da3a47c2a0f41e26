"""When a run fails: put back what can be, record what is true, release the lock or leave it to `resume`."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import Any

from scripts.errors import (
    DeskError,
    Interrupted,
    LiveUnknown,
    Locked,
    PushRefused,
    ReleaseFailed,
    TakenBack,
)
from scripts.git.client import StaleError
from scripts.release import functions, messages, publish, recover_data, switch_data, undo_schema
from scripts.release.run import ReleaseRun, write_down
from scripts.replit.live import Expected, fault
from scripts.state.ledger import Event
from scripts.state.remote import observe_remote
from scripts.state.rewritten import LedgerRewritten
from scripts.state.steps import STEPS
from scripts.system import signals
from scripts.system.process import end_all


def recover(run: ReleaseRun, error: DeskError) -> DeskError:
    """Put back what can be, record what is true, and return the error to report.

    One automatic rollback a run: only for a release that proved bad, never for a fault of the desk. The
    first error is never lost, and nothing that fails here keeps the lock from being released.
    """
    signals.answer(lambda: _undoing(run))
    end_all()
    failed_at = run.at
    bad = error.bad if isinstance(error, TakenBack) else isinstance(error, ReleaseFailed)
    first = error.message.splitlines()[0]
    if isinstance(error, Interrupted) and not (run.sent or run.deploying):
        error.message += f" in `{failed_at}`: nothing was published"
    try:
        error = _put_back(run, error, failed_at)
    except Exception as second:  # noqa: BLE001 - our own bug; the lock must be released all the same
        run.journal.write(at=run.desk.now(), fault=traceback.format_exc())
        error = LiveUnknown(
            f"{error.message}\n  | and putting it back failed: {type(second).__name__}",
            f"look at {run.environment.url}, then `invoke status`; see {run.journal.file}",
        )
    if run.migrated and not isinstance(error, TakenBack):
        error.message += f"\n  | its migrations stand: {undo_schema.left(run)}"
    arrived = False
    if isinstance(error, LiveUnknown) and error.resumable and not run.lock.lost:
        run.lock.stop()  # left to `resume`: nobody may release over a Publish that is under way
    else:
        try:
            arrived = _write(run, error, "failed" if bad else "error", at_step=failed_at, reason=first)
        except Locked as lost:
            error = _report_lock_loss(error, lost)
    error.message += "" if arrived else functions.left(run)
    error.data = run.document()
    if arrived:
        messages.success(run)
    else:
        messages.failure(run, error, failed_at)
    return error


def _undoing(run: ReleaseRun) -> str:
    """The answer to a signal that comes while a run is being put back."""
    name = run.environment.name
    return (
        f"still putting back what this run has changed on {name}, at `{run.at}`; then the lock is freed"
        f"\n  | if it is killed, the lock stays: `invoke resume --env {name}`"
    )


def _put_back(run: ReleaseRun, error: DeskError, failed_at: str) -> DeskError:
    if run.lock.lost:  # another run is at work here: look, and touch nothing
        run.live = run.driver.live()
        error.message += switch_data.words(run)
        return error
    try:
        switch_data.find_own(run)
    except LiveUnknown as unknown:
        unknown.message = f"{error.message}\n  | {unknown.message}"
        return unknown
    if run.switched:
        return recover_data.recover(run, error, failed_at)
    return _put_code_back(run, error, failed_at)


def _put_code_back(run: ReleaseRun, error: DeskError, failed_at: str) -> DeskError:
    bad_release = isinstance(error, ReleaseFailed) and STEPS[failed_at].changes == "live"
    bad_build = isinstance(error, ReleaseFailed) and failed_at in ("build", "scan")
    if isinstance(error, TakenBack) or bad_release or bad_build:
        return restore_previous(run, error)
    if failed_at in ("merge", "finish") and not isinstance(error, Interrupted):
        return _not_written(run, error)
    if failed_at == "finish" and isinstance(error, Interrupted) and _has_arrived(run):
        return error  # the signal came after the push: nothing is left to do
    unfinished = isinstance(error, Interrupted) and (run.sent or run.deploying)  # the rest has not followed
    if run.deploying and not run.sent and not isinstance(error, Interrupted | Locked):
        error = functions.put_back(run, error)
    if run.built and run.driver.staged and not run.sent and not unfinished:
        return _restore_workspace(run, error)
    known = run.live is not None and STEPS[failed_at].changes != "live" and failed_at != "scan"
    if known and not unfinished:
        return error
    run.live = run.driver.live()
    return _add_what_is_live(run, error)


def _not_written(run: ReleaseRun, error: DeskError) -> DeskError:
    """The release is live, but the last push failed, so branch and ledger don't have it.

    If the remote refused the push, the previous release is published again. If the remote can't be
    reached, the run is left to `resume`.
    """
    facts, refused = run.plan.facts, isinstance(error, Locked | PushRefused)
    if refused and (run.sent or run.deploying) and not facts.rolls_back:
        error.message += f"\n  | so `{facts.wanted[:12]}` is not released on {run.environment.name}"
        return restore_previous(run, error)
    if not refused and _has_arrived(run):
        return error
    run.live = run.driver.live()
    before = f"; before it was {_name(facts.previous)}" if facts.previous else ""
    first = "when the remote takes pushes again:"
    if isinstance(error, LedgerRewritten):
        first = "`invoke ledger.accept --plan`, and decide; then"
    return LiveUnknown(
        f"{error.message}\n  | live now: {run.live}{before}; the ledger does not have that yet",
        f"{first} `invoke resume --env {run.environment.name}`",
        resumable=True,
    )


def _has_arrived(run: ReleaseRun) -> bool:
    """Whether the ledger has the release after all: only the answer of the last push was lost."""
    with suppress(DeskError):
        ledger = observe_remote(run.desk).ledger
        return ledger.of_run(run.id, run.plan.facts.kind, run.environment.name) is not None
    return False


def _restore_workspace(run: ReleaseRun, error: DeskError) -> DeskError:
    """The workspace was built to a commit that is not released: a Publish by hand must not ship it."""
    previous = run.plan.facts.previous
    no_publish = "press no Publish on Replit before the next release"
    if isinstance(error, Interrupted | Locked):  # no time, or no right, to build
        error.message += f"\n  | the workspace was built to `{run.plan.facts.wanted[:12]}`: {no_publish}"
    elif previous is not None:
        expected = Expected(previous.commit, run.environment.name, previous.built_for)
        try:
            publish.build(run, expected, back=True)
        except DeskError as second:
            error.message += f"\n  | the workspace was not put back ({no_publish}): {second.message}"
    return error


def _report_lock_loss(error: DeskError, lost: Locked) -> DeskError:
    """Report lock loss as the cause, with the first error as detail."""
    if isinstance(error, Locked | LiveUnknown | Interrupted):
        error.message += f"\n  | {lost.message}"
        return error
    return Locked(f"{lost.message}\n  | before that was seen: {error.message}", lost.hint)


def _add_what_is_live(run: ReleaseRun, error: DeskError) -> DeskError:
    """After the Publish was asked for, an error says what is live, or that it is unknown."""
    if isinstance(error, Interrupted) and (run.sent or run.deploying):
        what = "the Publish" if run.sent else "the deployment of the Edge Functions"
        return LiveUnknown(
            f"{error.message} after {what} of `{run.plan.facts.wanted[:12]}` was asked for;"
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


def _write(run: ReleaseRun, error: DeskError, ending: str, **detail: Any) -> bool:
    """Record the failed attempt and release the lock; if that fails, add it to the message.

    True when the last push of the run had arrived before it was interrupted: it is a release after all.

    Raises:
        Locked: another run holds the lock.
    """
    live = run.live.commit if run.live else None
    try:
        event = write_down(run, ending, moves_branch=False, live=live, **detail)
    except Locked:
        raise
    except PushRefused as second:
        error.message += f"\n  | the ledger does not have this attempt: {second.message}"
        try:
            run.lock.release()
        except (DeskError, StaleError):
            name = run.environment.name
            error.message += f"\n  | the lock of {name} could not be released: `invoke resume --env {name}`"
    except DeskError as second:
        name = run.environment.name
        error.message += f"\n  | the lock of {name} could not be released: {second.message}"
    else:
        if event.ending == "done":
            error.message += f"\n  | it was released as {event.release}; the fault came after that"
        return event.ending == "done"
    return False


def restore_previous(run: ReleaseRun, error: DeskError) -> DeskError:
    """Publish the previous release again and verify it; returns the error with what came of that."""
    previous = run.plan.facts.previous
    if run.plan.facts.rolls_back and (
        run.sent or STEPS[run.at].changes == "live" or undo_schema.gone_back(run)
    ):
        return _not_twice(run, error)
    if previous is None:
        error.message += f"\n  | live now: {run.live} (nothing was released here before)"
        return error
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    # a Publish that was asked for may still arrive: then the previous release must be published after it
    untouched = not run.sent and run.live is not None and fault(run.live, expected) is None
    if not run.driver.unattended and not untouched:
        return _leave_to_a_person(run, error, previous)
    with suppress(DeskError):
        run.lock.heartbeat(back=error.message.splitlines()[0])
    run.desk.progress.note(f"going back to {_name(previous)}")
    due = undo_schema.due(run)
    if untouched:
        error = functions.put_back(run, error)
    try:
        publish.build(run, expected, back=True)
        if not untouched:
            error = functions.put_back(run, error)
            publish.publish(run)
            publish.verify(run, expected, quiet=True, pages=not due)
    except DeskError as second:
        return _way_back_failed(run, error, second, previous, untouched=untouched)
    again = "is still live" if untouched else "is live again, and verified"
    error.message += f"\n  | {_name(previous)} {again}"
    return undo_schema.follow_code(run, error, expected, due)


def _name(release: Event) -> str:
    return f"`{release.release}` (`{release.commit[:12]}`)"


def _not_twice(run: ReleaseRun, error: DeskError) -> DeskError:
    """No rollback of a rollback: a person decides."""
    name = run.environment.name
    return LiveUnknown(
        f"the rollback of {name} failed: {error.message}"
        f"\n  | live now: {run.live}; the database has {run.schema or 'no migrations'}",
        f"look at {run.environment.url}; another release: `invoke rollback --env {name} --to vN`",
    )


def _leave_to_a_person(run: ReleaseRun, error: DeskError, previous: Event) -> DeskError:
    """Only a person can press Publish: restore the workspace at least."""
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    with suppress(DeskError):
        publish.build(run, expected, back=True)
        error.message += f"\n  | the workspace is back at {_name(previous)}"
    error = functions.put_back(run, error)
    run.live = run.driver.live()
    error.message += f"\n  | live now: {run.live}"
    return error


def _way_back_failed(
    run: ReleaseRun, error: DeskError, second: DeskError, previous: Event, *, untouched: bool
) -> DeskError:
    if untouched:  # what is live is known; only the workspace is not as it was
        error.message += (
            f"\n  | {_name(previous)} is still live; the workspace was not put back: {second.message}"
        )
        error.hint = "press no Publish on Replit before the next release"
        return error
    run.live = run.driver.live()
    return LiveUnknown(
        f"{error.message}\nand the way back to {_name(previous)} failed: {second.message}"
        f"\n  | live now: {run.live}",
        f"look at {run.environment.url}, then `invoke status`",
    )
