# pure
"""The rules of the team's strategy for its branches, held against what GitHub says it enforces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.setup.health import Finding, error, ok, warning


@dataclass(frozen=True)
class Protection:
    """What a server enforces on a branch, whether by classic protection or by rulesets."""

    forced: bool = True  # somebody may push what is no fast-forward
    deleted: bool = True  # somebody may delete it
    reviews: int = 0  # approvals that a pull request needs; 0: none is needed
    checks: tuple[str, ...] = ()  # status checks that must pass
    limited: bool = False  # only named people, teams or apps may push


def read(classic: Mapping[str, Any] | None, rules: Iterable[Mapping[str, Any]]) -> Protection:
    """Both of GitHub's answers as one: classic protection (None: there is none) and active rules."""
    found = _classic(classic) if classic else Protection()
    for rule in rules:
        kind, wants = rule.get("type"), rule.get("parameters") or {}
        found = Protection(
            forced=found.forced and kind != "non_fast_forward",
            deleted=found.deleted and kind != "deletion",
            reviews=max(found.reviews, _reviews(wants) if kind == "pull_request" else 0),
            checks=found.checks + (_contexts(wants) if kind == "required_status_checks" else ()),
            limited=found.limited or kind == "update",
        )
    return found


def judge(branch: str, found: Protection, *, first: bool, ledger: bool = False) -> list[Finding]:
    """The findings about one branch.

    People merge their features into the `first` by pull request; the later ones are moved by `promote`,
    and the `ledger`, the history of releases, is appended to.
    """
    settings = "GitHub: Settings, Rules, Rulesets"
    findings = []
    if found.forced:
        findings.append(
            error("protection", f"`{branch}` can be force-pushed", f"{settings}: block force pushes")
        )
    if found.deleted:
        findings.append(
            error("protection", f"`{branch}` can be deleted", f"{settings}: restrict deletions")
        )
    if first and not found.reviews:
        hint = f"{settings}: require a pull request with at least one approval"
        findings.append(warning("protection", f"`{branch}` takes pushes without a review", hint))
    if first and not found.checks:
        hint = f"{settings}: require status checks to pass"
        findings.append(warning("protection", f"`{branch}` takes commits whose tests did not pass", hint))
    if not first and not ledger and not found.limited:
        hint = f"{settings}: restrict updates, with the desk's account in the bypass list"
        findings.append(warning("protection", f"anybody who may write can push to `{branch}`", hint))
    return findings or [ok("protection", f"`{branch}` is protected as the strategy asks")]


def scopes(granted: str | None, permissions: Mapping[str, Any]) -> Finding:
    """What a GitHub token may do: enough for the pushes, and not much more.

    Args:
        granted: the header `X-OAuth-Scopes` of a classic token; None for a fine-grained one.
        permissions: the `permissions` of the repository's document.
    """
    if not permissions.get("push"):
        hint = "give it write access to the repository's contents"
        return error("github-token", "the token may not push to the repository", hint)
    wide = {"admin:org", "delete_repo", "admin:enterprise", "site_admin"} & set((granted or "").split(", "))
    if wide:
        hint = "make a fine-grained token for this repository alone, with `Contents: write`"
        return warning(
            "github-token", f"the token may far more than a release needs: {', '.join(sorted(wide))}", hint
        )
    return ok("github-token", "the token may push" + (f" (scopes: {granted})" if granted else ""))


def _classic(document: Mapping[str, Any]) -> Protection:
    return Protection(
        forced=bool((document.get("allow_force_pushes") or {}).get("enabled")),
        deleted=bool((document.get("allow_deletions") or {}).get("enabled")),
        reviews=_reviews(document.get("required_pull_request_reviews") or {}),
        checks=_contexts(document.get("required_status_checks") or {}),
        limited=document.get("restrictions") is not None,
    )


def _reviews(wants: Mapping[str, Any]) -> int:
    count = wants.get("required_approving_review_count")
    return count if isinstance(count, int) else 0


def _contexts(wants: Mapping[str, Any]) -> tuple[str, ...]:
    named = wants.get("contexts") or wants.get("checks") or wants.get("required_status_checks") or ()
    return tuple(str(each.get("context")) if isinstance(each, Mapping) else str(each) for each in named)
