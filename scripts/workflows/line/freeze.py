"""`freeze`: no release to an environment for a time."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.workflows.line import stop_line
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, until: str, reason: str) -> Outcome:
    """Write it to the ledger; every desk and CI obey it."""
    return stop_line.freeze(tools, tools.settings.environment(env), until, reason)
