"""The steps of whoever holds an environment: each is allowed, written down, done, written down again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.config.desk import Desk
from scripts.errors import Locked
from scripts.state.held_lock import Holding
from scripts.state.journal import Journal
from scripts.system import signals

ONCE = ("migrate", "publish", "undo", "switch")  # steps before which the remote is asked whose lock it is


@dataclass(kw_only=True)
class Steps:
    """What a run has done so far, under its lock.

    Args:
        steps: for each its name, seconds and ending, in order.
    """

    desk: Desk
    holding: Holding
    journal: Journal
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.holding.lock.run

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[None]:
        """One step: the lock is still ours, the intent is on disk, then it is done and written so."""
        desk = self.desk
        record: dict[str, Any] = {"name": name, "seconds": 0.0, "ending": "running"}
        self.steps.append(record)
        desk.progress.begin(name, detail)
        started = desk.clock()
        try:
            self.holding.check(ask=name in ONCE)
            self.journal.write(step=name, at=desk.now(), state="intent", detail=detail)
            self.holding.note(name, self.journal.digest)
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
    def afterwards(self, name: str, detail: str, *, left: str) -> Iterator[None]:
        """A step after all was done: what fails in it is told, and the run has done its work all the same.

        Args:
            name: the step's.
            detail: what it does.
            left: what a person does about it then.
        """
        try:
            with self.step(name, detail):
                yield
        except Exception as fault:
            known = signals.as_desk_error(fault)
            if known is None or isinstance(known, Locked):
                raise
            self.desk.progress.note(f"warning: `{name}` failed: {known.message}\n  | {left}")
