"""How commits get onto a branch: by a push, or by a pull request where the remote's rules want one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from scripts.branches.alignment import Move
from scripts.branches.pull_request import BY_REQUEST
from scripts.config.desk import Desk
from scripts.config.outcome import Refusal
from scripts.config.settings import Environment
from scripts.errors import DeskError, Unreachable
from scripts.git.command import Update, remote_urls
from scripts.github.branch_rules import BranchRules, is_signed, missing_checks, read_rules
from scripts.github.client import Github
from scripts.github.pulls import compare_url, find_or_open
from scripts.github.remote import first_repository, hub_of
from scripts.state.ledger import REF

LEDGER = REF.removeprefix("refs/heads/")
LOOKED_AT = 20  # commits whose signature is looked at
BYPASS = "put this account on the bypass list of the rule (GitHub: Settings, Rules, Rulesets)"


def push_objections(
    desk: Desk, source: Environment | None, target: Environment, head: str | None, wanted: str
) -> tuple[Refusal, ...]:
    """Why GitHub would refuse the last push of a release, which moves the target's branch and the ledger.

    Args:
        head: where the branch is; `wanted`, if it does not move.
    """
    hub = hub_of(desk, [target])
    if hub is None:
        return ()
    try:
        return (*_of_the_ledger(hub), *_of_the_branch(desk, hub, (source, target), head, wanted))
    except Unreachable as fault:
        desk.progress.note(f"warning: the branch's rules on GitHub can't be read: {fault.message}")
        return ()


def _of_the_ledger(hub: Github) -> Iterator[Refusal]:
    ledger = read_rules(hub, LEDGER)
    if ledger.pull_request or ledger.restricted or ledger.signatures:
        yield Refusal(
            f"GitHub's rules let this account push nothing to `{LEDGER}`: no release could be recorded",
            f"leave `{LEDGER}` out of the ruleset but for force pushes and deletions, or {BYPASS}",
        )


def _of_the_branch(
    desk: Desk, hub: Github, way: tuple[Environment | None, Environment], head: str | None, wanted: str
) -> Iterator[Refusal]:
    source, target = way
    if head == wanted:
        return
    rules = read_rules(hub, target.branch)
    if source and desk.settings.app.land == BY_REQUEST:
        why = _why_not_by_request(desk, hub, rules, head, wanted)
    else:
        why = _why_refused(desk, hub, rules, head, wanted)
    if why:
        yield Refusal(
            f"GitHub's rules for `{target.branch}` would refuse the push of `{wanted[:12]}`: {why}",
            _way_out(source, target, rules),
        )


def _why_refused(desk: Desk, hub: Github, rules: BranchRules, head: str | None, wanted: str) -> str:
    """The first rule that the push would break; "" if there is none."""
    if rules.pull_request:
        return "changes have to come by a pull request"
    if rules.restricted:
        return "only accounts on the bypass list may push"
    missing = missing_checks(hub, wanted, rules.checks) if rules.checks else ()
    lacking = (
        f"checks have not passed for it: {', '.join(f'`{each}`' for each in missing)}" if missing else ""
    )
    return _why_of_history(desk, hub, rules, head, wanted) or lacking


def _why_not_by_request(desk: Desk, hub: Github, rules: BranchRules, head: str | None, wanted: str) -> str:
    """The first rule that a pull request would break too; checks and approvals are waited for."""
    if rules.queue:
        return "only its merge queue may merge, and the commits that it makes have no proof"
    if rules.restricted:
        return "only accounts on the bypass list may update the branch"
    kept = replace(rules, linear=False) if rules.pull_request else rules  # GitHub copies the commits then
    return _why_of_history(desk, hub, kept, head, wanted)


def _why_of_history(desk: Desk, hub: Github, rules: BranchRules, head: str | None, wanted: str) -> str:
    rows = desk.git.history(wanted, head)
    if rules.linear and any(len(row.parents) > 1 for row in rows):
        return "it has to be a linear history, and there is a merge"
    if rules.signatures:
        unsigned = next((row.id for row in rows[-LOOKED_AT:] if not is_signed(hub, row.id)), None)
        if unsigned:
            return f"commits have to be signed, and `{unsigned[:12]}` is not"
    return ""


def _way_out(source: Environment | None, target: Environment, rules: BranchRules) -> str:
    if source is None:  # a hotfix: no proof of it exists, so a button would lead to a refusal
        return BYPASS
    button = (
        f"merge a pull request from `{source.branch}` into `{target.branch}` by its button, then"
        f" `invoke deploy --env {target.name}`"
    )
    if rules.checks and not (rules.pull_request or rules.restricted or rules.linear or rules.signatures):
        return f"wait until they passed, then promote again; or {button}"
    return f"{BYPASS}; or without it: {button}" if rules.restricted else f"{button}; or {BYPASS}"


def barred(desk: Desk, moves: Sequence[Move]) -> frozenset[str]:
    """The branches among the moves that take no push of this account, as far as GitHub says so."""
    hub = hub_of(desk, list(desk.settings)) if moves else None
    found = set[str]()
    if hub is None:
        return frozenset()
    with suppress(Unreachable):  # then the push itself decides
        for move in moves:
            rules = read_rules(hub, move.branch)
            if _why_refused(desk, hub, rules, move.old, move.new):
                found.add(move.branch)
    return frozenset(found)


@dataclass(frozen=True)
class Proposal:
    """A merge that waits for a person: its branch on the remote, and the pull request.

    Args:
        url: of the pull request, or of the page where one is opened; "" for a remote that is not on GitHub.
        number: None where none could be opened.
        new: it was not there before.
    """

    move: Move
    branch: str
    url: str
    number: int | None
    new: bool
    doubt: str = ""

    def __str__(self) -> str:
        """One line for people."""
        into = f"`{self.branch}` into `{self.move.branch}`"
        if self.number:
            state = "was opened" if self.new else "waits"
            return f"`{self.move.branch}` takes no push: pull request #{self.number} {state}: {self.url}"
        where = f" at {self.url}" if self.url else ""
        return f"`{self.move.branch}` takes no push: open a pull request from {into}{where}{self.doubt}"

    def document(self) -> dict[str, Any]:
        """The proposal as JSON."""
        return {
            "branch": self.branch,
            "into": self.move.branch,
            "url": self.url,
            "number": self.number,
            "commit": self.move.new,
        }


def propose(desk: Desk, move: Move) -> Proposal:
    """Push the merge to a branch of its own, and open a pull request, where GitHub can be asked.

    What is there already is used again: a branch with this merge, an open pull request.

    Raises:
        CommandFailed: the branch can't be pushed.
    """
    meeting = move.meeting
    branch = f"backmerge/{meeting.other.branch}-into-{move.branch}"
    ref = f"refs/heads/{branch}"
    there = desk.git.fetch([ref]).get(ref)
    fits = there and all(desk.git.is_ancestor(each, there) for each in (move.old, meeting.other.commit))
    if not fits:
        desk.git.push([Update(ref, there, move.new)])
    repository = first_repository(remote_urls(desk.git.folder, desk.git.remote))
    hub, doubt = hub_of(desk, list(desk.settings)), ""
    if hub:
        title = f"Merge branch '{meeting.other.branch}' into {move.branch}"
        try:
            pull = find_or_open(
                hub, branch, move.branch, title, f"{meeting.message}\nBy the merge button.\n"
            )
        except DeskError as fault:
            doubt = f" ({fault.message})"
        else:
            return Proposal(move, branch, pull.url, pull.number, pull.opened)
    url = compare_url(repository, branch, move.branch) if repository else ""
    return Proposal(move, branch, url, None, not fits, doubt)
