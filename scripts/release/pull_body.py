# pure
"""The plan of a promotion as the body of its pull request; a person's own text there is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.github.markdown import code
from scripts.github.pulls import Pull
from scripts.quality.gates import unmet
from scripts.release.plan import Plan
from scripts.release.plan_text import SHOWN
from scripts.system.secret import redact

BEGIN, END = "<!-- release desk: the plan -->", "<!-- release desk: end of the plan -->"
OWN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def title(plan: Plan) -> str:
    """One line."""
    facts = plan.facts
    return f"Promote {facts.source.name if facts.source else ''} to {facts.environment.name}"


def body(plan: Plan, pull: Pull | None) -> str:
    """The plan, in the place of the one that is there; after what a person wrote."""
    text = redact("\n".join([BEGIN, *_lines(plan), END]))
    before = pull.body.replace("\r\n", "\n") if pull else ""
    if OWN.search(before):
        return OWN.sub(lambda _found: text, before, count=1)
    return f"{before.strip()}\n\n{text}" if before.strip() else text


def _lines(plan: Plan) -> Iterator[str]:
    facts = plan.facts
    source = facts.source.name if facts.source else ""
    yield f"`{facts.wanted}` was proven on {source}. It goes to {facts.environment.name} as it is."
    yield from _list(
        "Commits",
        [f"`{each.id[:12]}` {code(each.subject)}, {code(each.author)}" for each in facts.commits],
    )
    yield from _list("Migrations", [code(str(each)) for each in plan.migrations])
    yield from _list("Edge Functions", [code(str(each)) for each in plan.functions])
    yield from _list("Checks", list(_checks(plan)))
    yield from _list("Risks", [code(each) for each in _risks(plan)])
    yield f"\n**Way back** (point of no return: {plan.no_return}): {plan.way_back}."
    yield (
        f"\nIt lands by `invoke promote --to {facts.environment.name}`, which waits for all of that."
        " An approving review of this commit counts; a new commit or a dismissed review takes it back."
    )


def _list(heading: str, rows: list[str]) -> Iterator[str]:
    if rows:
        yield f"\n### {heading}\n"
        yield from (f"* {row}" for row in rows[:SHOWN])
        if len(rows) > SHOWN:
            yield f"* and {len(rows) - SHOWN} more"


def _checks(plan: Plan) -> Iterator[str]:
    """What is demanded, without how it stands now: GitHub shows that itself."""
    pull = plan.facts.pull
    if pull:
        yield from (f"check {code(each.name)}" for each in pull.checks)
        if pull.needed:
            yield f"{pull.needed} approval{'s' if pull.needed > 1 else ''} by the rules of `{pull.base}`"
    missing = unmet(plan.gates)
    yield from (f"{gate.demand}: {'missing' if gate in missing else 'met'}" for gate in plan.gates)


def _risks(plan: Plan) -> Iterator[str]:
    if plan.without:
        yield f"without {plan.without}"
    yield from plan.facts.half
    if plan.facts.partial:
        yield f"the proof of the backup will be partial: {plan.facts.partial}"
    yield from map(str, plan.facts.findings)
    yield from (
        f"older code may not live with {each.file}, and no rollback script undoes it"
        for each in plan.migrations
        if not each.verdict.stays and each.script is None
    )
