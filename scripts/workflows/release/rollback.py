"""`rollback`: a release that was proven here goes live again; the branch stays, the environment is held."""

from __future__ import annotations

from typing import Any

from scripts.domain.outcome import Outcome
from scripts.workflows.release.asked import Asked
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, to: str, **options: Any) -> Outcome:
    """The skeleton of every release; only the commit comes from the ledger. For the options see `Asked`."""
    asked = Asked(**options)
    return asked.released(tools, asked.wish("rollback", tools.settings.environment(env), release=to))
