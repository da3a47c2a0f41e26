"""`env.check`: the mistakes that people make with configuration and secrets, before they ship."""

from __future__ import annotations

from typing import Any

from scripts.domain.outcome import Outcome
from scripts.domain.secrets.finding import Finding, errors
from scripts.domain.settings import Environment
from scripts.workflows.secrets.examine import examine
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str | None) -> Outcome:
    """One environment, or all for which something was written."""
    found, chosen = examine(tools, tools.settings.environment(env) if env else None)
    return reported(found, about(chosen))


def about(chosen: tuple[Environment, ...]) -> str:
    """What was looked at, in words."""
    listed = ", ".join(each.name for each in chosen)
    return listed or "the examples alone: no environment has values here"


def reported(found: tuple[Finding, ...], what: str) -> Outcome:
    """The findings as an ending: errors stop, warnings are shown."""
    stopping = errors(found)
    document: dict[str, Any] = {"findings": [each.document() for each in found]}
    if not found:
        return Outcome.done(f"nothing was found ({what})", **document)
    stops, warnings = len(stopping), len(found) - len(stopping)
    count = f"{stops} error(s), {warnings} warning(s) ({what})"
    if stopping:
        return Outcome.failed(count, "`docs/env-rules.md` explains each rule", **document)
    return Outcome.done(count, **document)
