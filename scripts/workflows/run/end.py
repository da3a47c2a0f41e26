"""How a run ends: one event in the ledger, and in the same push branch, candidate and lock."""

from __future__ import annotations

from typing import Any

from scripts.adapters.git import StaleError
from scripts.adapters.git_command import Update
from scripts.domain.database import measure
from scripts.domain.release.ledger import Event, Ledger
from scripts.errors import Locked
from scripts.workflows.run.record import append
from scripts.workflows.run.run import Run


def write_down(run: Run, ending: str, *, moves_branch: bool, **detail: Any) -> Event:
    """The one atomic push that ends a run: ledger, branch, candidate and lock move together or not at all.

    Raises:
        Locked: the lock is no longer ours, or the branch moved: nothing was written.
        CommandFailed: the remote refused, or can't be reached.
    """
    facts = run.plan.facts
    run.holding.end()

    def make(ledger: Ledger) -> Event:
        return _event(run, ledger.next_release(run.environment.name), ending, detail)

    def updates() -> list[Update]:
        moves = moves_branch and facts.head != facts.wanted
        branch = Update(run.environment.branch_ref, facts.head, facts.wanted)
        return [*run.holding.leftovers(), *([branch] if moves else [])]

    def stale(fault: StaleError) -> None:
        _still_ours(run, fault, moves_branch=moves_branch)

    with run.holding.still():
        event = append(run.tools, facts.ledger.tip, make, updates, stale)
    run.release = event.release
    return event


def _still_ours(run: Run, stale: StaleError, *, moves_branch: bool) -> None:
    """Only the ledger may have moved; anything else means that the environment is not ours."""
    environment, facts = run.environment, run.plan.facts
    if not run.holding.adopt(stale.refs):
        raise Locked(
            f"the lock of {environment.name} is no longer held by this run: nothing was written",
            "`invoke status` says who holds it and what is live",
        )
    if moves_branch and stale.refs.get(environment.branch_ref) != facts.head:
        raise Locked(
            f"`{environment.branch}` was moved by somebody else during this run",
            "`invoke status` says what is live",
        )


def _going_back(run: Run) -> dict[str, Any]:
    """What a rollback says beside: where it went back to, and which commit is bad by that."""
    facts, lock = run.plan.facts, run.holding.lock
    known: dict[str, Any] = {"reason": lock.reason} if lock.reason else {}
    if facts.target is None:
        return known
    left = facts.previous
    bad = left.commit if left and left.commit != facts.wanted else None
    return {**known, "to": facts.target.release, "bad": bad, "left": left.release if left else None}


def _event(run: Run, release: str, ending: str, detail: dict[str, Any]) -> Event:
    tools, facts = run.tools, run.plan.facts
    known = {
        "schema": run.schema,
        "built_for": facts.schema,
        "undone": list(run.undone),
        "restored": run.restored,
        "measured": measure.documents(run.measured, run.plan.comparison.pending),
        "source": facts.source.name if facts.source else None,
        "previous": facts.previous.release if facts.previous else None,
        "url": run.environment.url,
        **_going_back(run),
        "steps": [step for step in run.steps if step["ending"] != "running"],
        "migrations": [each.file for each in run.plan.comparison.pending],
        **detail,
    }
    return Event(
        environment=run.environment.name,
        kind=facts.kind,
        ending=ending,
        release="" if facts.kind == "drill" else release,
        commit=facts.wanted,
        actor=tools.actor,
        at=tools.now(),
        run=run.id,
        detail=known,
    )
