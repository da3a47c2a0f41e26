"""One execution of a mutating task: its lock, its steps and its journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.domain.database.measure import Measured
from scripts.domain.release.live import Answer
from scripts.domain.release.plan import Plan
from scripts.domain.settings import Environment
from scripts.workflows.run.steps import Steps

DRIVERS = ("build", "publish", "verify")  # steps whose time is the driver's, not the desk's


@dataclass(kw_only=True)
class Run(Steps):
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

    plan: Plan
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
