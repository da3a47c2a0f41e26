"""`deploy`: make the head of an environment's branch live, without touching the branch."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.domain.release.plan import decide
from scripts.workflows.release.carry_out import Consent, carry_out
from scripts.workflows.release.observe import Wish, observe
from scripts.workflows.run.patience import patiently
from scripts.workflows.toolbox import Toolbox


def run(
    tools: Toolbox,
    *,
    env: str,
    sha: str | None,
    retry: bool,
    allow_bad: str,
    accept_irreversible: bool,
    plan: bool,
    yes: bool,
    wait: bool,
) -> Outcome:
    """Observe, plan, and carry the plan out."""
    environment = tools.settings.environment(env)
    wish = Wish(
        "deploy",
        environment,
        revision=sha,
        retry=retry,
        allow_bad=allow_bad,
        accept_irreversible=accept_irreversible,
    )

    def release() -> Outcome:
        return carry_out(tools, decide(observe(tools, wish)), Consent(plan, yes, allow_bad))

    return patiently(tools, release, wait=wait and not plan)
