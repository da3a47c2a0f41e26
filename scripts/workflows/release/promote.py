"""`promote`: the commit that the environment before has proven goes live here; then the branch moves."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.domain.release.plan import decide
from scripts.errors import Refused
from scripts.workflows.release.carry_out import Consent, carry_out
from scripts.workflows.release.observe import Wish, observe
from scripts.workflows.run.patience import patiently
from scripts.workflows.toolbox import Toolbox


def run(
    tools: Toolbox,
    *,
    to: str,
    sha: str | None,
    retry: bool,
    allow_bad: str,
    accept_irreversible: bool,
    plan: bool,
    yes: bool,
    wait: bool,
) -> Outcome:
    """Observe, plan, and carry the plan out."""
    target = tools.settings.environment(to)
    source = tools.settings.before(target)
    if source is None:
        raise Refused(
            f"{target.name} is the first of the chain: nothing promotes into it",
            f"merge into `{target.branch}`, then `invoke deploy --env {target.name}`",
        )
    wish = Wish(
        "promote",
        target,
        source,
        sha,
        retry,
        allow_bad=allow_bad,
        accept_irreversible=accept_irreversible,
    )

    def release() -> Outcome:
        return carry_out(tools, decide(observe(tools, wish)), Consent(plan, yes, allow_bad))

    return patiently(tools, release, wait=wait and not plan)
