"""`backmerge`: merge later branches back into earlier ones, so that promotions fast-forward.

It releases nothing: a head that moved is not live by that, and the next command says so. Where a branch
takes no push, a pull request is opened instead.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from scripts.branches.alignment import Alignment
from scripts.branches.landing import barred, propose
from scripts.branches.merge import align
from scripts.branches.move import TASK, environments, move, trees
from scripts.branches.request import BackmergeRequest
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment, Settings
from scripts.errors import DeskError, Locked, PushRefused, Refused
from scripts.state.remote import Remote, observe_remote, read_lock
from scripts.state.waiting import retry_while_locked


def backmerge(desk: Desk, request: BackmergeRequest) -> Outcome:
    """Look, plan, and move the branches."""
    if request.all and (request.from_ or request.to):
        raise Refused("`--all` is the whole chain: it goes without `--from` and `--to`", "leave one out")
    way = way_back(desk.settings, request.from_, request.to)

    def work() -> Outcome:
        return bring_back(desk, way, request)

    wait = request.wait and not request.plan
    return retry_while_locked(desk, work, wait=wait, environments=way, yes=request.yes)


def way_back(settings: Settings, source: str = "", target: str = "") -> tuple[Environment, ...]:
    """The environments from `source` (the last of the chain) back to `target` (the first).

    Raises:
        Refused: there is no such environment or branch, or it is not one of those before.
    """
    chain = tuple(settings)
    start = chain.index(_named(settings, source)) if source else len(chain) - 1
    end = chain.index(_named(settings, target)) if target else 0
    if end >= start and (source or target):
        listed = " -> ".join(f"`{each.name}`" for each in chain)
        raise Refused(
            f"a back-merge goes towards {chain[0].name}, and {chain[end].name} is not before"
            f" {chain[start].name}",
            f"the chain is {listed}",
        )
    return chain[end : start + 1][::-1]


def _named(settings: Settings, name: str) -> Environment:
    """An environment by its name, its alias, or its branch."""
    return next(
        (environment for environment in settings if environment.branch == name), None
    ) or settings.environment(name)


def bring_back(desk: Desk, way: Sequence[Environment], request: BackmergeRequest) -> Outcome:
    """Plan, ask, and move the branches."""
    remote = observe_remote(desk)
    found = align(desk, way, remote.refs)
    if found.nothing:
        return Outcome.nothing(f"nothing to do: {found.nothing}", **found.document())
    for line in found.words():
        desk.progress.note(line)
    fault = _refusal(desk, found, remote)
    by_request = barred(desk, found.moves)
    for branch in sorted(by_request):
        desk.progress.note(f"`{branch}` takes no push of this account: a pull request is opened instead")
    if request.plan:
        return planned(found, fault)
    if fault:
        fault.data = found.document()
        raise fault
    require_consent(
        desk.progress, TASK, yes=request.yes, unchanged="no branch was moved", data=found.document()
    )
    try:
        return _land(desk, found, by_request)
    except PushRefused as refused:
        more = (refused.barred & {each.branch for each in found.moves}) - by_request
        if not more:
            raise
        return _land(desk, found, by_request | more)


def _land(desk: Desk, found: Alignment, by_request: Collection[str]) -> Outcome:
    """Move the branches that take a push, and open pull requests for the others."""
    direct = tuple(each for each in found.moves if each.branch not in by_request)
    heads = tuple(head for head in found.heads if head.branch not in by_request)
    pushed = replace(found, moves=direct, heads=heads)
    landed = moved(desk, pushed, move(desk, pushed).run) if direct else None
    proposals = [propose(desk, each) for each in found.moves if each.branch in by_request]
    if not proposals and landed:
        return landed
    message = "\n  | ".join([*([landed.message] if landed else []), *map(str, proposals)])
    data = {**found.document(), **(landed.data if landed else {})}
    data["pull_requests"] = [each.document() for each in proposals]
    hint = "merge it by its merge button" + (f"; {landed.hint}" if landed and landed.hint else "")
    if landed or any(each.new for each in proposals):
        return Outcome.done(message, hint, **data)
    return Outcome.nothing(message, hint, **data)


def _refusal(desk: Desk, found: Alignment, remote: Remote) -> DeskError | None:
    """The error if an environment is locked, or if a merge needs a person; None otherwise."""
    for environment in environments(desk, found):
        lock = read_lock(desk, remote.refs, environment)
        if lock:
            hint = (
                f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
            )
            return Locked(f"{environment.name} is locked by {lock}", hint)
    return Refused(found.refused.why, found.refused.hint) if found.refused else None


def planned(found: Alignment, fault: DeskError | None) -> Outcome:
    """The outcome of `--plan`."""
    data = {**found.document(), "refused": fault.message if fault else None}
    if fault:
        return Outcome("failed", fault.message, fault.hint, fault.code, data)
    kind = "harmless: not one file changes; " if found.harmless else ""
    return Outcome.done(
        f"{kind}this is what would move; nothing was changed",
        "the same with `--yes` instead of `--plan` does it",
        **data,
    )


def moved(desk: Desk, found: Alignment, run_id: str) -> Outcome:
    """The outcome of a move: the trees before and after, side by side."""
    compared = trees(desk, found)
    for branch, tree in compared.items():
        same = "the same files" if tree["before"] == tree["after"] else "its files changed"
        desk.progress.note(f"`{branch}`: tree {tree['before'][:12]} -> {tree['after'][:12]}, {same}")
    names = ", ".join(f"`{each.branch}` to `{each.new[:12]}`" for each in found.moves)
    unchanged = all(tree["before"] == tree["after"] for tree in compared.values())
    proof = "; no file of any branch changed (trees compared)" if unchanged else ""
    data = {**found.document(), "trees": compared, "unchanged": unchanged, "run": run_id}
    return Outcome.done(f"moved {names}{proof}", found.following, **data)
