# pure
"""A plan for people, line by line: what goes where, what to know, and with `--plan` the steps."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.release.facts import Facts
from scripts.release.plan import Plan
from scripts.state.desk_version import how_to_upgrade, outdated

SHOWN = 20  # commits


def words(plan: Plan) -> Iterator[str]:
    """What goes where; with `--plan`, then the steps: a run shows each as it comes."""
    yield headline(plan)
    yield from _what(plan)
    yield from _gates(plan)
    if plan.nothing or plan.refused:
        return
    yield from _warnings(plan)
    for step in plan.steps if plan.facts.request.plan else ():
        expected = f" (about {step.seconds:.0f} s)" if step.seconds and step.seconds >= 1 else ""
        yield f"  {step.name:<9} {step.detail}{expected}"
    if plan.facts.request.plan or plan.facts.environment.guarded:
        yield f"  point of no return: {plan.no_return}; way back: {plan.way_back}"


def headline(plan: Plan) -> str:
    """Such as `production: v2 403f229 "Say Paris" -> v1 1a3b1ac "Hello" (3 commits, 1 migration back)`."""
    facts = plan.facts
    before = facts.previous
    old = f"{before.release} {_named(facts, before.commit)}" if before else "nothing"
    release = f"{facts.target.release} " if facts.target else ""
    what = _amount(plan)
    return (
        f"{facts.environment.name}: {old} -> {release}{_named(facts, facts.wanted)}"
        f"{f' ({what})' if what else ''}"
    )


def _named(facts: Facts, commit: str) -> str:
    subject = facts.subjects.get(commit, "")
    return f'{commit[:8]} "{subject}"' if subject else commit[:8]


def _amount(plan: Plan) -> str:
    facts = plan.facts
    back = " back" if facts.rolls_back else ""
    migrations = len(plan.back.undo) if back else len(plan.migrations)
    parts = [(facts.leaves if back else len(facts.commits), "commit"), (migrations, "migration")]
    found = ", ".join(f"{number} {noun}{'s' if number > 1 else ''}" for number, noun in parts if number)
    return f"{found}{back}" if found else ""


def _what(plan: Plan) -> Iterator[str]:
    facts = plan.facts
    for commit in facts.commits[:SHOWN] if len(facts.commits) > 1 else ():
        yield f"  | {commit.id[:12]} {commit.at[:10]} {commit.author}: {commit.subject}"
    if len(facts.commits) > SHOWN:
        yield f"  | and {len(facts.commits) - SHOWN} more"
    if facts.merges:
        yield (
            f"  `{facts.wanted[:12]}` merges `{facts.merges[:12]}` into `{facts.environment.branch}`, and"
            " has its very files: what the branch has of its own brings no content"
        )
    if facts.waits:
        yield f"  warning: {facts.waits.why}"


def _gates(plan: Plan) -> Iterator[str]:
    for gate in () if plan.nothing else plan.gates:
        lacks = "" if gate.met else f" -> `{gate.command}`" if gate.command else " -> wait"
        yield f"  gate {'ok     ' if gate.met else 'MISSING'} {gate}{lacks}"


def _warnings(plan: Plan) -> Iterator[str]:
    """What a person should know before saying yes."""
    if plan.without:
        yield f"  without {plan.without}"
    yield from (f"  warning: {doubt}" for doubt in plan.facts.ledger.doubts[:SHOWN])
    if old := outdated(plan.facts.ledger):
        yield f"  warning: {old}: {how_to_upgrade()}"
    yield from (f"  warning: {half}" for half in plan.facts.half)
    yield from _by_hand(plan.facts)
    if plan.facts.workspace and plan.facts.rolls_back:
        yield f"  warning: {plan.facts.workspace.why}; it is kept aside there, in `refs/desk/kept/`"
    if plan.facts.partial:
        yield f"  warning: the proof of the backup will be partial: {plan.facts.partial}"
    yield from (f"  {finding}" for finding in plan.facts.findings)
    yield from (
        f"  note: `{folder}` has migrations that no release applies" for folder in plan.facts.elsewhere
    )
    yield from (f"  migration {migration}" for migration in plan.migrations)
    yield from (f"  function {change}" for change in plan.functions)
    yield from (f"  note: Edge Functions: {note}" for note in plan.facts.functions.notes)
    yield from (f"  undo {migration}" for migration in plan.back.undo)
    yield from (f"  data will be lost: {loss}" for loss in plan.back.lost)
    yield from (f"  {'* ' if option.name == plan.scope else '  '}{option}" for option in plan.options)
    if plan.back.ahead:
        yield f"  schema stays ahead: {', '.join(map(str, plan.back.ahead))}"


def _by_hand(facts: Facts) -> Iterator[str]:
    """Before a rollback: what is live is no release, so going back further may not be what is wanted."""
    last, live = facts.previous, facts.live.commit
    if facts.rolls_back and last and live not in (None, last.commit, facts.wanted):
        yield (
            f"  warning: `{live[:12]}` is live, which the desk did not release:"
            f" `--to {last.release}` brings {last.release} back"
        )
