"""One execution of a task that changes something: its lock, its steps, and their journal on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.config.desk import Desk
from scripts.errors import Locked
from scripts.state.held_lock import HeldLock
from scripts.state.journal import Journal
from scripts.state.steps import STEPS
from scripts.system import signals


@dataclass(kw_only=True)
class Run:
    """What a run has done so far, under its lock.

    Args:
        steps: for each its name, seconds and ending, in order.
    """

    desk: Desk
    lock: HeldLock
    journal: Journal
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.lock.content.run

    @property
    def at(self) -> str:
        """The step that began last."""
        return str(self.steps[-1]["name"]) if self.steps else "lock"

    @property
    def ended_steps(self) -> list[dict[str, Any]]:
        """The steps without the one that is still running: what an event of the ledger holds."""
        return [step for step in self.steps if step["ending"] != "running"]

    @contextmanager
    def step(self, name: str, detail: str = "", *, confirms: bool = False) -> Iterator[None]:
        """Do one step: the lock is still held, the intent is on disk; afterwards the ending is on disk.

        Args:
            name: one of `STEPS`.
            detail: for people.
            confirms: the step itself asks the remote whether the lock is held, where that has to be asked,
                or ends in a push that moves nothing without it.
        """
        desk, kind = self.desk, STEPS[name].kind
        record: dict[str, Any] = {"name": name, "seconds": 0.0, "ending": "running"}
        self.steps.append(record)
        desk.progress.begin(name, detail)
        started = desk.clock()
        try:
            if STEPS[name].changes != "workspace":  # nobody sees that, and it takes longer than the answer
                self.lock.require_shown()
            if confirms:
                self.lock.require()
            else:
                self.lock.check(ask=kind == "once")
            self.journal.write(step=name, at=desk.now(), state="intent", detail=detail)
            self.lock.note(name, self.journal.digest, STEPS[name].limit)
            yield
            record["ending"] = "done"
        except BaseException:
            record["ending"] = "failed"
            raise
        finally:
            record["seconds"] = round(desk.clock() - started, 2)
            self.journal.write(step=name, at=desk.now(), state=record["ending"])
            desk.progress.end(name, record["ending"], record["seconds"])

    @contextmanager
    def optional_step(self, name: str, detail: str, *, remedy: str) -> Iterator[None]:
        """Do a step after the work is done: if it fails, that is a warning, and the run is still done.

        Args:
            name: one of `STEPS`.
            detail: for people.
            remedy: what a person does if it failed.
        """
        try:
            with self.step(name, detail):
                yield
        except Exception as fault:
            error = signals.as_desk_error(fault)
            if error is None or isinstance(error, Locked):
                raise
            self.desk.progress.note(f"warning: `{name}` failed: {error.message}\n  | {remedy}")
