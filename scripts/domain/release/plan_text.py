"""A plan in words, line by line, for people."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.domain.release.plan import Plan

SHOWN = 20  # commits


def words(plan: Plan) -> Iterator[str]:
    """What is to go where; then, if anything would happen, how."""
    yield from _what(plan)
    yield from _gates(plan)
    if plan.nothing or plan.refused:
        return
    yield from _knowing(plan)
    for step in plan.steps:
        expected = f" (about {step.seconds:g} s)" if step.seconds else ""
        yield f"  {step.name:<8} {step.detail}{expected}"
    yield f"  point of no return: {plan.no_return}; way back: {plan.way_back}"


def _what(plan: Plan) -> Iterator[str]:
    facts = plan.facts
    way = f" from {facts.source.name}" if facts.source else ""
    yield f"{facts.task} `{facts.wanted[:12]}` to {facts.environment.name}{way}"
    for commit in facts.commits[:SHOWN]:
        yield f"  | {commit.id[:12]} {commit.at[:10]} {commit.author}: {commit.subject}"
    if len(facts.commits) > SHOWN:
        yield f"  | and {len(facts.commits) - SHOWN} more"


def _gates(plan: Plan) -> Iterator[str]:
    for gate in () if plan.nothing else plan.gates:
        lacks = "" if gate.met else f" -> `{gate.command}`" if gate.command else " -> wait"
        yield f"  gate {'ok     ' if gate.met else 'MISSING'} {gate}{lacks}"


def _knowing(plan: Plan) -> Iterator[str]:
    """What one should know before saying yes."""
    if plan.without:
        yield f"  without {plan.without}"
    yield from (f"  {finding}" for finding in plan.facts.findings)
    yield from (f"  migration {each}" for each in plan.migrations)
    yield from (f"  undo {each}" for each in plan.back.undo)
    yield from (f"  data will be lost: {loss}" for loss in plan.back.lost)
    yield from (f"  {'* ' if rung.name == plan.rung else '  '}{rung}" for rung in plan.rungs)
    if plan.back.ahead:
        yield f"  schema stays ahead: {', '.join(map(str, plan.back.ahead))}"
