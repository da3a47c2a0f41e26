"""`unfreeze`: releases may go on before the time is over."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.workflows.line import stop_line
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, reason: str) -> Outcome:
    """Write it to the ledger."""
    return stop_line.unfreeze(tools, tools.settings.environment(env), reason)
