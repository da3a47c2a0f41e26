# pure
"""Compare what GitHub enforces on a branch with the team's strategy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.setup.health import Finding, error, ok, warning


@dataclass(frozen=True)
class Protection:
    """What GitHub enforces on a branch, by classic protection or by rulesets."""

    force_push: bool = True  # somebody may push what is no fast-forward
    deletion: bool = True  # somebody may delete it
    reviews: int = 0  # approvals that a pull request needs
    checks: tuple[str, ...] = ()  # status checks that must pass
    restricted: bool = False  # only named people, teams or apps may push


def parse(classic: Mapping[str, Any] | None, rules: Iterable[Mapping[str, Any]]) -> Protection:
    """Merge classic protection (None: there is none) and the active rules: the stricter of both counts."""
    merged = _classic(classic) if classic else Protection()
    for rule in rules:
        kind, parameters = rule.get("type"), rule.get("parameters") or {}
        merged = Protection(
            force_push=merged.force_push and kind != "non_fast_forward",
            deletion=merged.deletion and kind != "deletion",
            reviews=max(merged.reviews, _reviews(parameters) if kind == "pull_request" else 0),
            checks=merged.checks + (_contexts(parameters) if kind == "required_status_checks" else ()),
            restricted=merged.restricted or kind == "update",
        )
    return merged


def check_branch(
    branch: str, protection: Protection, *, first: bool, ledger: bool = False
) -> list[Finding]:
    """The findings about one branch.

    Args:
        first: people merge features into it by pull request; `promote` alone moves the later ones.
        ledger: it is the history of releases, to which every run appends.
    """
    settings = "GitHub: Settings, Rules, Rulesets"
    findings = []
    if protection.force_push:
        findings.append(
            error("protection", f"`{branch}` can be force-pushed", f"{settings}: block force pushes")
        )
    if protection.deletion:
        findings.append(
            error("protection", f"`{branch}` can be deleted", f"{settings}: restrict deletions")
        )
    if first and not protection.reviews:
        hint = f"{settings}: require a pull request with at least one approval"
        findings.append(warning("protection", f"`{branch}` takes pushes without a review", hint))
    if first and not protection.checks:
        hint = f"{settings}: require status checks to pass"
        findings.append(warning("protection", f"`{branch}` takes commits whose checks failed", hint))
    if not first and not ledger and not protection.restricted:
        hint = f"{settings}: restrict updates, with the desk's account in the bypass list"
        findings.append(warning("protection", f"everybody with write access can push to `{branch}`", hint))
    return findings or [ok("protection", f"`{branch}` is protected as the strategy asks")]


def check_token(granted: str | None, permissions: Mapping[str, Any]) -> Finding:
    """Check that a GitHub token may push, and not much more.

    Args:
        granted: the header `X-OAuth-Scopes` of a classic token; None for a fine-grained one.
        permissions: the `permissions` of the repository's document.
    """
    if not permissions.get("push"):
        hint = "give it `Contents: write` for the repository"
        return error("github-token", "the token may not push to the repository", hint)
    excessive = {"admin:org", "delete_repo", "admin:enterprise", "site_admin"} & set(
        (granted or "").split(", ")
    )
    if excessive:
        hint = "create a fine-grained token for this repository alone, with `Contents: write`"
        return warning(
            "github-token",
            f"the token may do far more than a release needs: {', '.join(sorted(excessive))}",
            hint,
        )
    return ok("github-token", "the token may push" + (f" (scopes: {granted})" if granted else ""))


def _classic(document: Mapping[str, Any]) -> Protection:
    return Protection(
        force_push=bool((document.get("allow_force_pushes") or {}).get("enabled")),
        deletion=bool((document.get("allow_deletions") or {}).get("enabled")),
        reviews=_reviews(document.get("required_pull_request_reviews") or {}),
        checks=_contexts(document.get("required_status_checks") or {}),
        restricted=document.get("restrictions") is not None,
    )


def _reviews(parameters: Mapping[str, Any]) -> int:
    count = parameters.get("required_approving_review_count")
    return count if isinstance(count, int) else 0


def _contexts(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    keys = ("contexts", "checks", "required_status_checks")
    checks = next(filter(None, map(parameters.get, keys)), ())
    return tuple(str(check.get("context") if isinstance(check, Mapping) else check) for check in checks)
