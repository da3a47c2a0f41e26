"""A run that releases nothing: it holds the environment, does its work, and says so in the ledger.

Lock, journal and ending are those of a release: one push writes the event and frees the lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Locked, Refused
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.held_lock import Holding
from scripts.state.journal import Journal
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import Lock
from scripts.state.remote import Remote, append, locked, observe_remote
from scripts.state.steps import Steps
from scripts.system import signals
from scripts.system.process import end_all


@dataclass(kw_only=True)
class Errand(Steps):
    """The run, while the lock is ours; `tip`: the ledger's commit at its beginning."""

    environment: Environment
    tip: str | None

    @property
    def kind(self) -> str:
        """Of its events: `db.restore` is a `restore`."""
        return self.holding.lock.task.removeprefix("db.")

    def finish(self, kind: str, ending: str, **detail: Any) -> Event:
        """Write the event and free the lock, in one push.

        Raises:
            Locked: the lock is no longer ours: nothing was written.
            LiveUnknown: the work is done, and the remote did not take the event: the lock stays.
        """
        desk = self.desk
        self.holding.end()
        steps = [each for each in self.steps if each["ending"] != "running"]

        def make(ledger: Ledger) -> Event:
            live = ledger.live(self.environment.name)
            return Event(
                environment=self.environment.name,
                kind=kind,
                ending=ending,
                release=live.release if live else "",
                commit=self.holding.lock.commit,
                actor=desk.actor,
                at=desk.now(),
                run=self.id,
                detail={**detail, "steps": steps, "url": self.environment.url},
            )

        def updates() -> list[Update]:
            return self.holding.leftovers()

        with self.holding.still():
            try:
                return append(desk, self.tip, make, updates, self._still_ours)
            except CommandFailed as fault:
                if ending != "done":
                    raise
                raise LiveUnknown(
                    f"the {kind} is done, and could not be written down: {fault.message}",
                    f"`invoke resume --env {self.environment.name}` writes it, and frees the lock",
                    resumable=True,
                ) from None

    def give_back(self, fault: BaseException) -> None:
        """It changed nothing: what it tried is written down, and the lock is free."""
        known = signals.as_desk_error(fault)
        with suppress(DeskError, StaleError):
            if known and self.steps and not isinstance(known, Locked):
                at = self.steps[-1]["name"]
                self.finish(self.kind, "error", at_step=at, reason=known.message.splitlines()[0])
                return
        with suppress(DeskError, StaleError):
            self.holding.free()

    def _still_ours(self, stale: StaleError) -> None:
        if not self.holding.adopt(stale.refs):
            raise Locked(
                f"the lock of {self.environment.name} is no longer held by this run: nothing was written",
                "`invoke status` says who holds it",
            )


@contextmanager
def errand(
    desk: Desk, environment: Environment, task: str, *, about: str, reason: str = ""
) -> Iterator[Errand]:
    """Take the lock; whoever leaves by an error gives it back, unless what he did is unknown.

    Args:
        environment: the one to hold.
        task: its name, such as `db.restore`: `resume` knows by it what to do.
        about: what it works with, such as a backup's id; kept in the lock for `resume`.
        reason: why, in a person's words.

    Raises:
        Locked: somebody else has it.
    """
    remote = observe_remote(desk)
    lock = _lock(desk, environment, remote, task=task, about=about, reason=reason)
    run = begun(desk, environment, lock, remote.ledger.tip)
    try:
        run.holding.take()
    except StaleError:
        raise locked(desk, environment) from None
    try:
        yield run
    except BaseException as fault:
        signals.ignore()
        end_all()
        if not isinstance(fault, LiveUnknown):
            run.give_back(fault)
        run.holding.end()
        raise


def _lock(
    desk: Desk, environment: Environment, remote: Remote, *, task: str, about: str, reason: str
) -> Lock:
    live = remote.ledger.live(environment.name)
    commit = live.commit if live else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`")
    return Lock(
        run=desk.new_id(),
        nonce=desk.new_id(),
        actor=desk.actor,
        host=desk.host,
        task=task,
        environment=environment.name,
        commit=commit,
        acquired_at=desk.now(),
        release=about,
        reason=reason,
        ttl=desk.settings.lock.ttl,
    )


def begun(desk: Desk, environment: Environment, lock: Lock, tip: str | None) -> Errand:
    """A run under this lock, with its journal."""
    journal = Journal(desk.state_folder / "runs", lock.run)
    journal.write(at=desk.now(), lock=lock.document())
    holding = Holding(desk, lock)
    return Errand(desk=desk, holding=holding, journal=journal, environment=environment, tip=tip)
