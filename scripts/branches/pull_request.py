"""A promotion by pull request: look at it, open it, and have GitHub merge it where no push is taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from scripts.branches.pull_facts import METHODS, PullFacts
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Locked, Refused
from scripts.git.command import Update
from scripts.github import pulls
from scripts.github.branch_rules import BranchRules, read_all_rules
from scripts.github.client import Github
from scripts.github.remote import hub_of

BY_REQUEST = "pull-request"


def required_hub(desk: Desk, environment: Environment) -> Github:
    """GitHub, for a desk whose promotions go by pull request.

    Raises:
        Refused: it can't be asked.
    """
    hub = hub_of(desk, [environment])
    if hub is None:
        raise Refused(
            '`[app] land = "pull-request"` needs a repository on GitHub, and a token for it',
            "set `GH_TOKEN` (rights: `Contents`, `Pull requests`: write; `Checks`: read), and `[github]"
            " repository` where the address of the remote does not tell",
        )
    return replace(hub, patience=desk.settings.github.wait)


def look(
    desk: Desk, source: Environment, target: Environment, commit: str, equal: Collection[str], *, own: bool
) -> PullFacts:
    """The pull request that brings a commit from one branch of the chain into the next, as it stands.

    Args:
        equal: the commits with the same files.
        own: the commit is not the head of the source's branch, so that the desk makes a branch for it.

    Raises:
        Refused: GitHub can't be asked.
        Unreachable: it gave no answer.
    """
    hub = required_hub(desk, target)
    head = own_branch(source, target) if own else source.branch
    rules = read_all_rules(hub, target.branch)
    pull = pulls.find(hub, head, target.branch) or _merged(hub, head, target.branch, {commit, *equal})
    names = tuple(dict.fromkeys((*rules.all.checks, *desk.settings.github.checks)))
    known = PullFacts(
        head,
        target.branch,
        commit,
        needed=rules.all.approvals,
        checks=pulls.checks(hub, commit, names),
        equal=frozenset(equal),
        by_merge=rules.holding.pull_request,
        method=_method(rules.holding),
    )
    if pull is None:
        return known
    if known.by_merge and pull.state == "open":
        pull = pulls.read(hub, pull.number)  # a list does not say what stands against a merge
    reviews, makers = pulls.reviews(hub, pull.number), pulls.makers(hub, commit)
    return replace(known, pull=pull, reviews=reviews, makers=makers)


def landed(desk: Desk, source: Environment, target: Environment, head: str | None, commit: str) -> bool:
    """Whether the branch is where GitHub's merge of this very commit has put it, with its very files.

    Raises:
        Refused: GitHub can't be asked.
        Unreachable: it gave no answer.
    """
    if not _has(desk, head, commit):
        return False
    hub = required_hub(desk, target)
    names = (source.branch, own_branch(source, target))
    found = (pulls.find(hub, each, target.branch, state="closed") for each in names)
    return any((each.head, each.merge) == (commit, head) for each in found if each)


def proposed(desk: Desk, source: Environment, target: Environment, head: str | None, merge: str) -> str:
    """The merge that an earlier run has proposed for the same files, where it still fits; else this one."""
    ref = f"refs/heads/{own_branch(source, target)}"
    there = desk.git.fetch([ref]).get(ref)
    fits = there and _has(desk, there, merge) and (head is None or desk.git.is_ancestor(head, there))
    return there if there and fits else merge


def _merged(hub: Github, head: str, base: str, commits: Collection[str]) -> pulls.Pull | None:
    """The newest pull request of these branches, if it has brought one of these commits."""
    pull = pulls.find(hub, head, base, state="closed")
    brought = pull is not None and pull.state == "merged" and {pull.head, pull.merge} & set(commits)
    return pull if brought else None


def _method(rules: BranchRules) -> str:
    """How GitHub is to merge; a linear history takes no merge commit."""
    allowed = [each for each in METHODS if not rules.methods or each in rules.methods]
    return next((each for each in allowed if not (rules.linear and each == "merge")), "merge")


def own_branch(source: Environment, target: Environment) -> str:
    """The branch for a commit that is not the head of the source's branch."""
    return f"promote/{source.branch}-into-{target.branch}"


def open_pull(desk: Desk, target: Environment, facts: PullFacts, title: str, body: str) -> pulls.Pull:
    """Open the pull request, or find it, and bring its body up to date.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: it refuses.
    """
    hub = required_hub(desk, target)
    if facts.head.startswith("promote/"):
        ref = f"refs/heads/{facts.head}"
        there = desk.git.ls_remote().get(ref)
        if there != facts.wanted:
            desk.git.push([Update(ref, there, facts.wanted)])
    pull = facts.pull or pulls.find_or_open(hub, facts.head, facts.base, title, body)
    pulls.describe(hub, pull, body)
    return pull


def merge(desk: Desk, target: Environment, facts: PullFacts, head: str | None) -> str:
    """Have GitHub merge exactly the commit; returns what it made, which has the very files of the commit.

    Args:
        head: where the branch was when the release was planned.

    Raises:
        Locked: the branch moved meanwhile.
        PushRefused: GitHub refuses.
        Unreachable: it may be merged.
    """
    if facts.pull is None:
        raise Refused("there is no pull request to merge", "promote again: it opens one")
    before = desk.git.fetch([target.branch_ref]).get(target.branch_ref)
    if before != head and not _has(desk, before, facts.wanted):
        raise Locked(f"`{target.branch}` was moved by somebody else during this run", "`invoke status`")
    made = pulls.merge(required_hub(desk, target), facts.pull, facts.wanted, facts.method)
    now = desk.git.fetch([target.branch_ref]).get(target.branch_ref)
    if not _has(desk, now, facts.wanted):
        raise Locked(
            f"GitHub merged {facts.name} onto commits that were not proven: `{target.branch}` is `{now}`",
            "`invoke status` says what is live",
        )
    return now or made


def _has(desk: Desk, head: str | None, commit: str) -> bool:
    """Whether a branch has the very files of a commit."""
    return head is not None and desk.git.tree_id(head) == desk.git.tree_id(commit)
