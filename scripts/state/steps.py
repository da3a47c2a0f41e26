# pure
"""The steps of runs: the one table that says what each may change, and how it is repeated."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["pure", "idempotent", "once", "notify"]
Changes = Literal["nothing", "remote", "workspace", "database", "functions", "live"]


class StepType(NamedTuple):
    """One kind of step.

    Args:
        kind: `pure` reads; `idempotent` may be repeated; `once` may not, so the remote is asked beforehand
            whether the lock is still held; `notify` is best effort.
        changes: the farthest thing that it may change.
        limit: seconds after which it hangs: the heartbeat stops, so that `resume` may take over.
    """

    name: str
    kind: Kind
    changes: Changes = "nothing"
    limit: float = 3600.0


HOURS = 6 * 3600.0  # for what works on all rows of a database, or waits for a person
STEPS = {
    step.name: step
    for step in (
        # a release
        StepType("lock", "idempotent", "remote"),
        StepType("build", "idempotent", "workspace"),
        StepType("scan", "pure"),
        StepType("deliver", "idempotent", "remote"),  # of what was built here
        StepType("backup", "idempotent", limit=HOURS),
        StepType("safety", "idempotent", limit=HOURS),
        StepType("rehearse", "pure"),
        StepType("migrate", "once", "database", limit=HOURS),
        StepType("functions", "once", "functions"),
        StepType("publish", "once", "live", limit=HOURS),
        StepType("verify", "pure", "live"),  # the Publish is still under way
        StepType("undo", "once", "database", limit=HOURS),
        StepType("restore", "once", "database", limit=HOURS),
        StepType("review", "pure"),  # the pull request still stands
        StepType("merge", "once", "live"),  # by GitHub, where it takes no push
        StepType("finish", "idempotent", "live"),  # the branch moves: automation may deploy it
        # a restore or a refresh of a database
        StepType("mask", "idempotent", limit=HOURS),
        StepType("search", "pure", limit=HOURS),
        StepType("dump", "idempotent", limit=HOURS),
        StepType("hold", "idempotent"),
        StepType("compare", "pure", limit=HOURS),
        StepType("keep", "idempotent", limit=HOURS),
        StepType("count", "pure", limit=HOURS),
        StepType("switch", "once", "database", limit=HOURS),
        StepType("analyze", "idempotent", limit=HOURS),
        StepType("drop", "once", "database", limit=HOURS),
        StepType("record", "once", "database"),  # in the history of migrations
        # a preview
        StepType("database", "idempotent", "database"),
        StepType("content", "idempotent", "database", limit=HOURS),
        StepType("park", "idempotent", "workspace"),
    )
}
