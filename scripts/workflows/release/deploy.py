"""`deploy`: make the head of an environment's branch live, without touching the branch."""

from __future__ import annotations

from typing import Any

from scripts.domain.outcome import Outcome
from scripts.workflows.release.asked import Asked
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, **options: Any) -> Outcome:
    """Observe, plan, and carry the plan out; for the options see `Asked`."""
    asked = Asked(**options)
    return asked.released(tools, asked.wish("deploy", tools.settings.environment(env)))
