"""`release-hold`: releases may go on after a rollback."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.workflows.line import stop_line
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, reason: str) -> Outcome:
    """Write it to the ledger."""
    return stop_line.release_hold(tools, tools.settings.environment(env), reason)
