# pure
"""The steps of runs: the one table that says what each may change, and how it is repeated."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["pure", "idempotent", "once", "notify"]
Changes = Literal["nothing", "remote", "workspace", "database", "live"]


class StepType(NamedTuple):
    """One kind of step.

    Args:
        kind: `pure` reads; `idempotent` may be repeated; `once` may not, so the remote is asked beforehand
            whether the lock is still held; `notify` is best effort.
        changes: the farthest thing that it may change.
        driver: its time is Replit's, not the desk's.
    """

    name: str
    kind: Kind
    changes: Changes = "nothing"
    driver: bool = False


STEPS = {
    step.name: step
    for step in (
        # a release
        StepType("lock", "idempotent", "remote"),
        StepType("build", "idempotent", "workspace", driver=True),
        StepType("scan", "pure"),
        StepType("backup", "idempotent"),
        StepType("safety", "idempotent"),
        StepType("rehearse", "pure"),
        StepType("migrate", "once", "database"),
        StepType("publish", "once", "live", driver=True),
        StepType("verify", "pure", "live", driver=True),  # the Publish is still under way
        StepType("undo", "once", "database"),
        StepType("restore", "once", "database"),
        StepType("finish", "idempotent", "live"),  # the branch moves: automation may deploy it
        # a restore or a refresh of a database
        StepType("mask", "idempotent"),
        StepType("search", "pure"),
        StepType("dump", "idempotent"),
        StepType("hold", "idempotent"),
        StepType("compare", "pure"),
        StepType("keep", "idempotent"),
        StepType("count", "pure"),
        StepType("switch", "once", "database"),
        StepType("analyze", "idempotent"),
        StepType("drop", "once", "database"),
    )
}
