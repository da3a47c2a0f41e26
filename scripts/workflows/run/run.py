"""One execution of a mutating task: its lock, its steps and its journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.adapters.journal import Journal
from scripts.domain.database.measure import Measured
from scripts.domain.release.live import Answer
from scripts.domain.release.plan import Plan
from scripts.domain.settings import Environment
from scripts.workflows.run.holding import Holding
from scripts.workflows.toolbox import Toolbox

DRIVERS = ("build", "publish", "verify")  # steps whose time is the driver's, not the desk's
ONCE = ("migrate", "publish", "undo", "switch")  # steps before which the remote is asked whose lock it is


@dataclass
class Run:
    """What a run knows about itself while it goes on.

    Args:
        schema: the newest version in the database, as read last; None without a database.
        live: the last answer of the public URL.
        migrated: the files that this run has applied, and that stand.
        undone: the files whose rollback scripts this run has run.
        restored: the backup that the data went back to, and what was lost by that; `safety` keeps it.
        sent: a Publish was asked for, so what is live may still change.
        proven: when the public URL was seen to be right, by the clock.
        measured: what the rehearsal of the pending migrations found.
        doubt: why nobody knows whether that Publish was begun; None when it was.
    """

    tools: Toolbox
    plan: Plan
    holding: Holding
    journal: Journal
    schema: str | None = None
    live: Answer | None = None
    release: str | None = None
    migrated: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    restored: dict[str, Any] | None = None
    safety: str = ""
    sent: bool = False
    proven: float = 0.0
    doubt: str | None = None
    measured: tuple[Measured, ...] = ()
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.holding.lock.run

    @property
    def environment(self) -> Environment:
        """The environment that is held."""
        return self.plan.facts.environment

    @property
    def at(self) -> str:
        """The step that began last."""
        return str(self.steps[-1]["name"]) if self.steps else "lock"

    @property
    def took(self) -> str:
        """How long it took from the command to the proof, and how much of that was the driver's."""
        driver = sum(each["seconds"] for each in self.steps if each["name"] in DRIVERS)
        passed = self.proven - self.tools.started
        return f"proven {passed:.1f} s after the command, the driver's {driver:.1f} s"

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[None]:
        """One step: the lock is still ours, the intent is on disk, then it is done and written so."""
        record: dict[str, Any] = {"name": name, "seconds": 0.0, "ending": "running"}
        self.steps.append(record)
        self.tools.progress.begin(name, detail)
        started = self.tools.clock()
        try:
            self.holding.check(ask=name in ONCE)
            self.journal.write(step=name, at=self.tools.now(), state="intent", detail=detail)
            self.holding.note(name, self.journal.digest)
            yield
            record["ending"] = "done"
        except BaseException:
            record["ending"] = "failed"
            raise
        finally:
            record["seconds"] = round(self.tools.clock() - started, 2)
            self.journal.write(step=name, at=self.tools.now(), state=record["ending"])
            self.tools.progress.end(name, record["ending"], record["seconds"])

    def document(self) -> dict[str, Any]:
        """What the JSON document says of this run."""
        return {
            "environment": self.environment.name,
            "release": self.release,
            "commit": self.plan.facts.wanted,
            "live": self.live.commit if self.live else None,
            "schema": self.schema,
            "undone": list(self.undone),
            "restored": self.restored,
            "rehearsed": [each.document() for each in self.measured],
            "run": self.id,
            "steps": self.steps,
        }
