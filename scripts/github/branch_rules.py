"""The rules of a branch on GitHub that hold for this account: which pushes they would refuse.

Rulesets are read as everybody with a token may read them; classic protection only where the token may.
A rule that this account may bypass is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.github.client import PAGE, Github, branch_path

BYPASS = ("always", "exempt")  # `pull_requests_only` helps no push
PASSED = ("success", "neutral", "skipped")


@dataclass(frozen=True)
class BranchRules:
    """What is asked of a push to one branch.

    Args:
        pull_request: changes come by a pull request (or by a merge queue) alone.
        signatures: every commit is signed.
        linear: no merge commits.
        restricted: only those on the bypass list may push.
        checks: names of the checks that must have passed for the commit.
    """

    pull_request: bool = False
    signatures: bool = False
    linear: bool = False
    restricted: bool = False
    checks: tuple[str, ...] = field(default=())


def read_rules(hub: Github, branch: str) -> BranchRules:
    """The rules of a branch; it need not exist.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    status, document, _ = hub.get(f"/rules/branches/{branch_path(branch)}?per_page={PAGE}")
    listed = document if status == 200 and isinstance(document, list) else []
    rules = [rule for rule in listed if isinstance(rule, Mapping)]
    bypassed = {each: _may_bypass(hub, each) for each in {rule.get("ruleset_id") for rule in rules}}
    kept = parse_rules(rule for rule in rules if not bypassed[rule.get("ruleset_id")])
    return _with_classic(hub, branch, kept)


def _may_bypass(hub: Github, ruleset: object) -> bool:
    if not isinstance(ruleset, int):
        return False
    status, document, _ = hub.get(f"/rulesets/{ruleset}")
    return (
        status == 200 and isinstance(document, dict) and document.get("current_user_can_bypass") in BYPASS
    )


def parse_rules(rules: Iterable[Mapping[str, Any]]) -> BranchRules:
    """The rules of rulesets, together."""
    known: dict[str, Mapping[str, Any]] = {}
    checks: list[str] = []
    for rule in rules:
        parameters = rule.get("parameters")
        known[str(rule.get("type"))] = parameters if isinstance(parameters, Mapping) else {}
        if rule.get("type") == "required_status_checks":
            checks += _contexts(known["required_status_checks"].get("required_status_checks"))
    return BranchRules(
        pull_request=bool({"pull_request", "merge_queue"} & known.keys()),
        signatures="required_signatures" in known,
        linear="required_linear_history" in known,
        restricted="update" in known,
        checks=tuple(dict.fromkeys(checks)),
    )


def _contexts(checks: object) -> list[str]:
    listed = checks if isinstance(checks, list) else []
    return [str(each["context"]) for each in listed if isinstance(each, Mapping) and "context" in each]


def _with_classic(hub: Github, branch: str, rules: BranchRules) -> BranchRules:
    """Classic protection too, where the token may read it; administrators go past it unless told so."""
    status, classic, _ = hub.get(f"/branches/{branch_path(branch)}/protection")
    if status != 200 or not isinstance(classic, dict):
        return rules
    if not _enabled(classic, "enforce_admins") and _is_admin(hub):
        return rules
    required = classic.get("required_status_checks")
    contexts = required.get("contexts") if isinstance(required, dict) else None
    return BranchRules(
        pull_request=rules.pull_request or bool(classic.get("required_pull_request_reviews")),
        signatures=rules.signatures or _enabled(classic, "required_signatures"),
        linear=rules.linear or _enabled(classic, "required_linear_history"),
        restricted=rules.restricted,
        checks=(*rules.checks, *map(str, contexts if isinstance(contexts, list) else ())),
    )


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
    _, runs, _ = hub.get(f"/commits/{commit}/check-runs?per_page={PAGE}")
    _, statuses, _ = hub.get(f"/commits/{commit}/status?per_page={PAGE}")
    passed = {
        each.get("name") for each in _rows(runs, "check_runs") if each.get("conclusion") in PASSED
    } | {each.get("context") for each in _rows(statuses, "statuses") if each.get("state") == "success"}
    return tuple(check for check in wanted if check not in passed)


def is_signed(hub: Github, commit: str) -> bool:
    """Whether GitHub verified the signature of a commit. One that it does not know is not signed.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    status, document, _ = hub.get(f"/commits/{commit}")
    commit_part = document.get("commit") if status == 200 and isinstance(document, dict) else None
    verification = commit_part.get("verification") if isinstance(commit_part, dict) else None
    return isinstance(verification, dict) and verification.get("verified") is True


def _rows(document: object, key: str) -> list[Mapping[str, Any]]:
    rows = document.get(key) if isinstance(document, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
