"""From what was observed to the steps of a release, or the reason why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.domain.facts import Facts
from scripts.domain.live import fault
from scripts.domain.migrations import Comparison, compare
from scripts.domain.refusals import Refusal, refusals


@dataclass(frozen=True)
class Step:
    """One step: `pure`, `idempotent`, `once` or `notify` (design section 6); seconds as last time."""

    name: str
    kind: str
    detail: str
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """What would happen; `refused` and `nothing` say why it will not."""

    facts: Facts
    comparison: Comparison
    steps: tuple[Step, ...]
    refused: Refusal | None
    nothing: str | None

    @property
    def no_return(self) -> str:
        """The step from which on going back means undoing."""
        return "migrate" if self.comparison.pending else "publish"

    @property
    def way_back(self) -> str:
        """What would be done if a step after that fails."""
        previous = self.facts.previous
        if previous is None:
            return "none: nothing was released here before"
        back = f"publish `{previous.release}` (`{previous.commit[:12]}`) again and verify it"
        return f"{back}; the migrations stay" if self.comparison.pending else back

    def document(self) -> dict[str, Any]:
        """The plan as the JSON contract has it."""
        facts = self.facts
        return {
            "environment": facts.environment.name,
            "commit": facts.wanted,
            "live": facts.live.commit,
            "steps": [vars(step) for step in self.steps],
            "commits": [vars(commit) for commit in facts.commits],
            "migrations": [
                {"version": each.version, "file": each.file, "verdict": "unjudged"}
                for each in self.comparison.pending
            ],
            "point_of_no_return": self.no_return,
            "way_back": self.way_back,
            "refused": self.refused.why if self.refused else None,
        }


def decide(facts: Facts) -> Plan:
    """The whole decision: every rule is looked at before anything changes."""
    comparison = compare(facts.committed, facts.applied or ())
    if facts.applied is None:
        comparison = compare((), ())
    nothing = None if facts.lock else _nothing(facts, comparison)
    refused = None if nothing else next(refusals(facts, comparison), None)
    return Plan(facts, comparison, _steps(facts, comparison), refused, nothing)


def _nothing(facts: Facts, comparison: Comparison) -> str | None:
    """Why there is nothing to do: live, proven and written down already."""
    live = facts.previous
    moves = facts.source is not None and facts.head != facts.wanted
    if live is None or live.commit != facts.wanted or comparison.pending or moves:
        return None
    if fault(facts.live, facts.expected):
        return None
    return f"`{facts.wanted[:12]}` is live and proven on {facts.environment.name} as {live.release}"


def _steps(facts: Facts, comparison: Comparison) -> tuple[Step, ...]:
    environment, pending = facts.environment, len(comparison.pending)
    last = facts.previous.detail.get("steps", []) if facts.previous else []
    took = {each.get("name"): each.get("seconds") for each in last if isinstance(each, dict)}
    branch = f"move `{environment.branch}`, " if facts.source else ""
    steps = [("lock", "idempotent", f"take the lock of {environment.name}")]
    if pending:
        steps.append(("probe", "pure", f"see that `{environment.ssh_host}` will take the commit"))
        count = f"{pending} migration{'s' if pending > 1 else ''}"
        steps.append(("migrate", "once", f"apply {count}, then read the history again"))
    steps += [
        ("build", "idempotent", f"bring the workspace `{environment.ssh_host}` to the commit"),
        ("publish", "once", f"publish it on Replit ({environment.publish})"),
        ("verify", "pure", f"{environment.url} answers with the commit, and its pages work"),
        ("finish", "idempotent", f"one atomic push: {branch}write the ledger, free the lock"),
    ]
    return tuple(Step(name, kind, detail, took.get(name)) for name, kind, detail in steps)
