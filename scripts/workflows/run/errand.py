"""A run that releases nothing: it holds the environment, does its work, and says so in the ledger.

Lock, journal and ending are those of a release: one push writes the event and frees the lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from scripts.adapters.git import StaleError
from scripts.adapters.git_command import Update
from scripts.adapters.journal import Journal
from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.release.lock import Lock
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Locked, Refused
from scripts.shell import faults, signals
from scripts.shell.runner import end_all
from scripts.workflows.release.observe import Remote, observe_remote
from scripts.workflows.run.begin import locked
from scripts.workflows.run.holding import Holding
from scripts.workflows.run.record import append
from scripts.workflows.run.steps import Steps
from scripts.workflows.toolbox import Toolbox


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
        tools = self.tools
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
                actor=tools.actor,
                at=tools.now(),
                run=self.id,
                detail={**detail, "steps": steps, "url": self.environment.url},
            )

        def updates() -> list[Update]:
            return self.holding.leftovers()

        with self.holding.still():
            try:
                return append(tools, self.tip, make, updates, self._still_ours)
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
        known = faults.ending_of(fault)
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
    tools: Toolbox, environment: Environment, task: str, *, about: str, reason: str = ""
) -> Iterator[Errand]:
    """Take the lock; whoever leaves by an error gives it back, unless what he did is unknown.

    Args:
        tools: the toolbox.
        environment: the one to hold.
        task: its name, such as `db.restore`: `resume` knows by it what to do.
        about: what it works with, such as a backup's id; kept in the lock for `resume`.
        reason: why, in a person's words.

    Raises:
        Locked: somebody else has it.
    """
    remote = observe_remote(tools)
    lock = _lock(tools, environment, remote, task=task, about=about, reason=reason)
    run = begun(tools, environment, lock, remote.ledger.tip)
    try:
        run.holding.take()
    except StaleError:
        raise locked(tools, environment) from None
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
    tools: Toolbox, environment: Environment, remote: Remote, *, task: str, about: str, reason: str
) -> Lock:
    live = remote.ledger.live(environment.name)
    commit = live.commit if live else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`")
    return Lock(
        run=tools.new_id(),
        nonce=tools.new_id(),
        actor=tools.actor,
        host=tools.host,
        task=task,
        environment=environment.name,
        commit=commit,
        acquired_at=tools.now(),
        release=about,
        reason=reason,
        ttl=tools.settings.lock.ttl,
    )


def begun(tools: Toolbox, environment: Environment, lock: Lock, tip: str | None) -> Errand:
    """A run under this lock, with its journal."""
    journal = Journal(tools.state_folder / "runs", lock.run)
    journal.write(at=tools.now(), lock=lock.document())
    holding = Holding(tools, lock)
    return Errand(tools=tools, holding=holding, journal=journal, environment=environment, tip=tip)
