"""`promote`: the commit that the environment before has proven goes live here; then the branch moves."""

from __future__ import annotations

from typing import Any

from scripts.domain.outcome import Outcome
from scripts.errors import Refused
from scripts.workflows.release.asked import Asked
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, to: str, **options: Any) -> Outcome:
    """Observe, plan, and carry the plan out; for the options see `Asked`."""
    target = tools.settings.environment(to)
    source = tools.settings.before(target)
    if source is None:
        raise Refused(
            f"{target.name} is the first of the chain: nothing promotes into it",
            f"merge into `{target.branch}`, then `invoke deploy --env {target.name}`",
        )
    asked = Asked(**options)
    return asked.released(tools, asked.wish("promote", target, source=source))
