"""`rollback`: a release that was proven here goes live again; the branch stays, the environment is held."""

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
    to: str | None,
    reason: str,
    allow_bad: str,
    accept_irreversible: bool,
    plan: bool,
    yes: bool,
    wait: bool,
) -> Outcome:
    """The skeleton of every release; only the commit comes from the ledger."""
    environment = tools.settings.environment(env)
    wish = Wish(
        "rollback",
        environment,
        release=to or "",
        allow_bad=allow_bad,
        accept_irreversible=accept_irreversible,
    )

    def release() -> Outcome:
        return carry_out(tools, decide(observe(tools, wish)), Consent(plan, yes, reason or allow_bad))

    return patiently(tools, release, wait=wait and not plan)
