"""`env.check`: the mistakes that people make with configuration and secrets, before they ship."""

from __future__ import annotations

from typing import Any

from scripts.adapters.secrets import versioned
from scripts.domain.outcome import Outcome
from scripts.domain.secrets import source_lines
from scripts.domain.secrets.finding import Finding, errors, in_order
from scripts.domain.settings import Environment
from scripts.shell.background import begin
from scripts.workflows.secrets.examine import examine
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str | None) -> Outcome:
    """One environment, or all for which something was written."""
    target = tools.settings.environment(env) if env else None
    lines = begin(versioned.lines, tools.git.folder, source_lines.ASKED, source_lines.SUFFIXES)
    found, chosen = examine(tools, target)
    return reported(in_order([*found, *source_lines.findings(lines.result())]), about(chosen))


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
