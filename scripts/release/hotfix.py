"""`hotfix`: release a fix that was branched from the last branch, then merge it back to the earlier ones.

Gates, recovery and the atomic push are those of every release; only the proof of the environment before is
missing.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from scripts.branches.alignment import Alignment
from scripts.branches.backmerge import way_back
from scripts.branches.merge import align
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import DeskError, Refused
from scripts.git.command import branch_named
from scripts.release.bring_back import brought_back
from scripts.release.commands import release
from scripts.release.execute import execute
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import HotfixRequest
from scripts.state.remote import observe_remote
from scripts.system.near import guess

TASK = "hotfix"


def hotfix(desk: Desk, request: HotfixRequest) -> Outcome:
    """Release the branch's head to the last environment, then bring it back to the branches before."""
    _usable(desk, request.branch)
    if request.plan:
        return _foreseen(desk, request)
    return brought_back(desk, release(desk, request), wait=request.wait)


def _usable(desk: Desk, branch: str) -> None:
    """Check that it is a branch of the remote, and not one of the chain.

    Raises:
        Refused: it is not.
    """
    if not branch:
        raise Refused("no branch was named", f"`invoke {TASK} --branch hotfix/NAME`")
    for environment in desk.settings:
        if environment.branch == branch:
            raise Refused(
                f"`{branch}` is the branch of {environment.name}, no hotfix",
                f"`invoke promote --to {desk.settings.chain[-1]}` releases what was proven before",
            )
    refs = desk.git.ls_remote()
    if branch_named(branch, refs) is None:
        heads = [ref.removeprefix("refs/heads/") for ref in refs]
        push = f"`git push {desk.git.remote} {shlex.quote(branch)}` brings it there"
        raise Refused(f"the remote has no branch `{branch}`", f"{guess(branch, heads)}{push}")


def _foreseen(desk: Desk, request: HotfixRequest) -> Outcome:
    """The plan, with how the fix would be merged back: a conflict is known before the release."""
    plan = decide(observe(desk, request))
    outcome = execute(desk, plan)
    if plan.refused:
        return outcome
    facts = plan.facts
    refs = {**observe_remote(desk).refs, facts.environment.branch_ref: facts.wanted}
    try:
        found = align(desk, way_back(desk.settings), refs)
    except DeskError as fault:
        desk.progress.note(f"how it would come back can't be said: {fault.message}")
        return outcome
    desk.progress.note("afterwards it comes back:")
    for line in _way_home(found):
        desk.progress.note(f"  {line}")
    return replace(outcome, data={**outcome.data, "backmerge": found.document()})


def _way_home(found: Alignment) -> list[str]:
    if found.nothing:
        return [found.nothing]
    by_hand = ["a person has to merge that; the release does not wait for it"] if found.stuck else []
    return [*found.words(), *by_hand]
