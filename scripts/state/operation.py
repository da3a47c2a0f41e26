"""A run that releases nothing, such as a restore: it holds the environment, works, and writes one event.

Lock, journal and ending are those of a release: one push writes the event and frees the lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Locked, Refused
from scripts.git.client import StaleError
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.journal import Journal
from scripts.state.ledger import REF, Event, Ledger
from scripts.state.lock import Lock
from scripts.state.remote import append, locked, new_event, observe_remote
from scripts.state.run import Run
from scripts.system import signals
from scripts.system.process import end_all

COMMITS = {"switch", "drop", "record"}  # the steps that change something for good


@dataclass(kw_only=True)
class LockedOperation(Run):
    """The run, while it holds the lock."""

    environment: Environment

    @property
    def kind(self) -> str:
        """The kind of its events: `restore` for the task `db.restore`."""
        return self.lock.content.task.removeprefix("db.")

    def finish(self, kind: str, ending: str, **detail: Any) -> Event:
        """Write the event and release the lock, in one push.

        Raises:
            Locked: another run holds the lock: nothing was written.
            LiveUnknown: the work is done, and the remote did not take the event: the lock stays.
        """
        self.lock.stop()
        detail |= {"steps": self.ended_steps, "url": self.environment.url}

        def make(ledger: Ledger) -> Event:
            live = ledger.live(self.environment.name)
            return new_event(
                self.desk,
                self.environment.name,
                kind,
                ending,
                release=live.release if live else "",
                commit=self.lock.content.commit,
                run=self.id,
                detail=detail,
            )

        with self.lock.paused():
            try:
                return append(
                    self.desk, self.desk.git.trusted(REF), make, self.lock.releases, self._require_lock
                )
            except CommandFailed as fault:
                if ending != "done":
                    raise
                raise LiveUnknown(
                    f"the {kind} is done, and could not be written down: {fault.message}",
                    f"`invoke resume --env {self.environment.name}` writes it, and frees the lock",
                    resumable=True,
                ) from None

    def abandon(self, fault: BaseException) -> None:
        """Nothing was changed: record what was tried, and release the lock."""
        error = signals.as_desk_error(fault)
        with suppress(DeskError, StaleError):
            if error and self.steps and not isinstance(error, Locked):
                self.finish(self.kind, "error", at_step=self.at, reason=error.message.splitlines()[0])
                return
        with suppress(DeskError, StaleError):
            self.lock.release()

    def _require_lock(self, stale: StaleError) -> None:
        if not self.lock.reconcile(stale.refs):
            raise Locked(
                f"the lock of {self.environment.name} is no longer held by this run: nothing was written",
                "`invoke status` says who holds it",
            )


@contextmanager
def locked_operation(
    desk: Desk,
    environment: Environment,
    task: str,
    *,
    about: str,
    reason: str = "",
    request: Mapping[str, Any] | None = None,
) -> Iterator[LockedOperation]:
    """Hold the environment's lock; an error releases it, unless what was done is unknown.

    Args:
        task: its name, such as `db.restore`: `resume` knows by it what to do.
        about: what it works with, such as a backup's id; `request`: what else `resume` must know.

    Raises:
        Locked: another run holds it.
    """
    remote = observe_remote(desk)
    live = remote.ledger.live(environment.name)
    commit = live.commit if live else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`")
    lock = new_lock(
        desk, environment.name, task, commit, release=about, reason=reason, request=request or {}
    )
    run = operation_under(desk, environment, lock)
    try:
        run.lock.begin()
    except StaleError:
        raise locked(desk, environment) from None
    try:
        yield run
    except BaseException as fault:
        _give_up(run, fault)
        raise


def _give_up(run: LockedOperation, fault: BaseException) -> None:
    """End what runs, record the fault, and release the lock, unless what was done is unknown."""
    signals.answer(lambda: _undoing(run))
    end_all()
    if isinstance(fault, LiveUnknown):
        fault.data = {"run": run.id, **fault.data}
    else:
        run.abandon(fault)
    run.lock.stop()
    if isinstance(fault, signals.Stop) and run.steps:
        fault.args = (f"{fault} in `{run.at}`{_unchanged(run)}",)


def _unchanged(run: LockedOperation) -> str:
    """In words, that nothing was changed: until one of those steps, all is in a transaction, or aside."""
    return "" if COMMITS & {step["name"] for step in run.steps} else ": nothing was changed"


def _undoing(run: LockedOperation) -> str:
    """The answer to a signal that comes while a run gives up."""
    name = run.environment.name
    return (
        f"still ending the {run.kind} of {name}, at `{run.at}`; then the lock is freed"
        f"\n  | if it is killed, the lock stays: `invoke resume --env {name}`"
    )


def operation_under(desk: Desk, environment: Environment, lock: Lock) -> LockedOperation:
    """An operation under this lock, with its journal; the lock is not acquired yet."""
    journal = Journal(desk.state_folder / "runs", lock.run)
    journal.write(at=desk.now(), lock=lock.document())
    held = HeldLock(desk, lock)
    return LockedOperation(desk=desk, lock=held, journal=journal, environment=environment)
