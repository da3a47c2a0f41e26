"""`hotfix`: a fix made from the last branch goes live there at once, then comes back to those before.

The gates, the way back and the one atomic push are those of every release; what it does without is the
proof of the environment before.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from scripts.domain.line.alignment import Alignment
from scripts.domain.outcome import Outcome
from scripts.domain.release.plan import decide
from scripts.errors import DeskError, Interrupted, Refused
from scripts.shell.signals import Stop
from scripts.workflows.line.aligning import align
from scripts.workflows.line.backmerge import bring_back, way_back
from scripts.workflows.release.asked import Asked
from scripts.workflows.release.carry_out import Consent, carry_out
from scripts.workflows.release.observe import observe, observe_remote
from scripts.workflows.release.wish import Wish
from scripts.workflows.run.patience import patiently
from scripts.workflows.toolbox import Toolbox

TASK = "hotfix"
LATER = "`invoke backmerge --all --plan`"


def run(tools: Toolbox, *, branch: str, **options: Any) -> Outcome:
    """Release the branch's head to the last environment, then bring it back; options as in `Asked`."""
    _usable(tools, branch)
    asked = Asked(sha=branch, **options)
    wish = asked.wish(TASK, tools.settings.environments[tools.settings.chain[-1]])
    if asked.plan:
        return _foreseen(tools, wish, asked)
    return brought_back(tools, asked.released(tools, wish), wait=asked.wait)


def _usable(tools: Toolbox, branch: str) -> None:
    """A hotfix is a branch of the remote, and none of the chain.

    Raises:
        Refused: it is neither.
    """
    if not branch:
        raise Refused("no branch was named", f"`invoke {TASK} --branch hotfix/NAME`")
    for each in tools.settings:
        if each.branch == branch:
            raise Refused(
                f"`{branch}` is the branch of {each.name}, no hotfix",
                f"`invoke promote --to {tools.settings.chain[-1]}` releases what was proven before",
            )
    if f"refs/heads/{branch}" not in tools.git.refs():
        raise Refused(
            f"the remote has no branch `{branch}`",
            f"`git push {tools.git.remote} {shlex.quote(branch)}`",
        )


def brought_back(tools: Toolbox, outcome: Outcome, *, wait: bool = False) -> Outcome:
    """Merge it into the branches before; what stops that does not undo a release that is live."""
    way = way_back(tools.settings)

    def work() -> Outcome:
        return bring_back(tools, way, Consent(yes=True))

    try:
        back = patiently(tools, work, wait=wait)
    except Stop as stop:
        broken_off = Interrupted(f"{stop}, and not brought back yet: {outcome.message}", LATER)
        broken_off.data = outcome.data
        raise broken_off from None
    except DeskError as fault:
        message = f"{outcome.message}\n  | not brought back yet: {fault.message}"
        hint = f"{fault.hint}; then {LATER}" if fault.hint else LATER
        return replace(outcome, message=message, hint=hint, data={**outcome.data, "backmerge": fault.data})
    data = {**outcome.data, "backmerge": back.document()}
    if back.ending == "nothing":
        return replace(outcome, data=data)
    message = f"{outcome.message}\n  | brought back: {back.message}"
    return replace(outcome, ending="done", message=message, hint=back.hint, data=data)


def _foreseen(tools: Toolbox, wish: Wish, asked: Asked) -> Outcome:
    """The plan says also how it would come back: a conflict is known before the release."""
    plan = decide(observe(tools, wish))
    outcome = carry_out(tools, plan, asked.consent)
    if plan.refused:
        return outcome
    facts = plan.facts
    refs = {**observe_remote(tools).refs, facts.environment.branch_ref: facts.wanted}
    try:
        found = align(tools, way_back(tools.settings), refs)
    except DeskError as fault:
        tools.progress.note(f"how it would come back can't be said: {fault.message}")
        return outcome
    tools.progress.note("afterwards it comes back:")
    for line in _way_home(found):
        tools.progress.note(f"  {line}")
    return replace(outcome, data={**outcome.data, "backmerge": found.document()})


def _way_home(found: Alignment) -> list[str]:
    if found.nothing:
        return [found.nothing]
    by_hand = ["a person has to merge that; the release does not wait for it"] if found.stuck else []
    return [*found.words(), *by_hand]
