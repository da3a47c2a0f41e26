"""The rules of a branch on GitHub that hold for this account: which pushes they would refuse.

Rulesets are read as everybody with a token may read them; classic protection only where the token may.
A rule that this account may bypass is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scripts.github.client import PAGE, Github, branch_path
from scripts.github.pulls import checks

BYPASS = ("always", "exempt")  # `pull_requests_only` helps no push


@dataclass(frozen=True)
class BranchRules:
    """What is asked of a push to one branch.

    Args:
        pull_request: changes come by a pull request (or by a merge queue) alone.
        signatures: every commit is signed.
        linear: no merge commits.
        restricted: only those on the bypass list may push.
        checks: names of the checks that must have passed for the commit.
        approvals: of a pull request.
        methods: by which a pull request may be merged; () for all.
        queue: a merge queue alone merges.
    """

    pull_request: bool = False
    signatures: bool = False
    linear: bool = False
    restricted: bool = False
    checks: tuple[str, ...] = field(default=())
    approvals: int = 0
    methods: tuple[str, ...] = ()
    queue: bool = False


class Rules(NamedTuple):
    """The rules of a branch: those that hold for this account, and all of them."""

    holding: BranchRules
    all: BranchRules


def read_rules(hub: Github, branch: str) -> BranchRules:
    """The rules of a branch that hold for this account; the branch need not exist.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    return read_all_rules(hub, branch).holding


def read_all_rules(hub: Github, branch: str) -> Rules:
    """As `read_rules`, and those that this account may bypass.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    status, document, _ = hub.get(f"/rules/branches/{branch_path(branch)}?per_page={PAGE}")
    listed = document if status == 200 and isinstance(document, list) else []
    rules = [rule for rule in listed if isinstance(rule, Mapping)]
    bypassed = {each: _may_bypass(hub, each) for each in {rule.get("ruleset_id") for rule in rules}}
    holding = parse_rules(rule for rule in rules if not bypassed[rule.get("ruleset_id")])
    classic, holds = _classic(hub, branch)
    return Rules(_both(holding, classic) if holds else holding, _both(parse_rules(rules), classic))


def _may_bypass(hub: Github, ruleset: object) -> bool:
    if not isinstance(ruleset, int):
        return False
    status, document, _ = hub.get(f"/rulesets/{ruleset}")
    return (
        status == 200 and isinstance(document, dict) and document.get("current_user_can_bypass") in BYPASS
    )


def parse_rules(rules: Iterable[Mapping[str, Any]]) -> BranchRules:
    """The rules of rulesets, together."""
    together = BranchRules()
    for rule in rules:
        parameters, kind = rule.get("parameters"), rule.get("type")
        known: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
        pull, count = kind == "pull_request", known.get("required_approving_review_count")
        checks, methods = known.get("required_status_checks"), known.get("allowed_merge_methods")
        one = BranchRules(
            pull_request=pull or kind == "merge_queue",
            signatures=kind == "required_signatures",
            linear=kind == "required_linear_history",
            restricted=kind == "update",
            checks=_contexts(checks) if kind == "required_status_checks" else (),
            approvals=count if pull and isinstance(count, int) else 0,
            methods=tuple(map(str, methods)) if pull and isinstance(methods, list) else (),
            queue=kind == "merge_queue",
        )
        together = _both(together, one)
    return together


def _both(one: BranchRules, other: BranchRules) -> BranchRules:
    """The stricter of two in everything."""
    methods = tuple(each for each in one.methods if each in other.methods or not other.methods)
    return BranchRules(
        pull_request=one.pull_request or other.pull_request,
        signatures=one.signatures or other.signatures,
        linear=one.linear or other.linear,
        restricted=one.restricted or other.restricted,
        checks=tuple(dict.fromkeys((*one.checks, *other.checks))),
        approvals=max(one.approvals, other.approvals),
        methods=methods or (() if one.methods and other.methods else other.methods),
        queue=one.queue or other.queue,
    )


def _contexts(checks: object) -> tuple[str, ...]:
    listed = checks if isinstance(checks, list) else []
    return tuple(str(each["context"]) for each in listed if isinstance(each, Mapping) and "context" in each)


def _classic(hub: Github, branch: str) -> tuple[BranchRules, bool]:
    """Classic protection, where the token may read it, and whether it holds: not for all administrators."""
    status, classic, _ = hub.get(f"/branches/{branch_path(branch)}/protection")
    if status != 200 or not isinstance(classic, dict):
        return BranchRules(checks=_checks_of(hub, branch)), True
    required, asked = classic.get("required_status_checks"), classic.get("required_pull_request_reviews")
    contexts = required.get("contexts") if isinstance(required, dict) else None
    count = asked.get("required_approving_review_count") if isinstance(asked, dict) else None
    rules = BranchRules(
        pull_request=bool(asked),
        signatures=_enabled(classic, "required_signatures"),
        linear=_enabled(classic, "required_linear_history"),
        checks=tuple(map(str, contexts)) if isinstance(contexts, list) else (),
        approvals=count if isinstance(count, int) else 0,
    )
    return rules, _enabled(classic, "enforce_admins") or not _is_admin(hub)


def _checks_of(hub: Github, branch: str) -> tuple[str, ...]:
    """The checks of classic protection, for a token that may not read the rest of it."""
    status, document, _ = hub.get(f"/branches/{branch_path(branch)}")
    found = document.get("protection") if status == 200 and isinstance(document, dict) else None
    required = found.get("required_status_checks") if isinstance(found, dict) else None
    contexts = required.get("contexts") if isinstance(required, dict) else None
    return tuple(map(str, contexts)) if isinstance(contexts, list) else ()


def _enabled(classic: Mapping[str, Any], key: str) -> bool:
    value = classic.get(key)
    return isinstance(value, Mapping) and value.get("enabled") is True


def _is_admin(hub: Github) -> bool:
    status, document, _ = hub.get()
    permissions = document.get("permissions") if status == 200 and isinstance(document, dict) else None
    return isinstance(permissions, dict) and permissions.get("admin") is True


def missing_checks(hub: Github, commit: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of the checks that did not pass for a commit, as far as GitHub knows it.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    return tuple(each.name for each in checks(hub, commit, tuple(wanted)) if each.state != "passed")


def is_signed(hub: Github, commit: str) -> bool:
    """Whether GitHub verified the signature of a commit. One that it does not know is not signed.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    status, document, _ = hub.get(f"/commits/{commit}")
    commit_part = document.get("commit") if status == 200 and isinstance(document, dict) else None
    verification = commit_part.get("verification") if isinstance(commit_part, dict) else None
    return isinstance(verification, dict) and verification.get("verified") is True
