"""`deploy`, `promote` and `rollback`: observe, plan, execute; they differ in what they ask for."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.release.execute import execute
from scripts.release.missing_proofs import run_missing
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, PromoteRequest, ReleaseRequest, RollbackRequest
from scripts.state.held_lock import retry_while_locked


def deploy(desk: Desk, request: DeployRequest) -> Outcome:
    """Make the head of an environment's branch live, without touching the branch."""
    return release(desk, request)


def promote(desk: Desk, request: PromoteRequest) -> Outcome:
    """Make the commit that the environment before has proven live here; then the branch moves."""
    target = request.target(desk.settings)
    if request.source(desk.settings) is None:
        raise Refused(
            f"{target.name} is the first of the chain: nothing promotes into it",
            f"merge into `{target.branch}`, then `invoke deploy --env {target.name}`",
        )
    return release(desk, request)


def rollback(desk: Desk, request: RollbackRequest) -> Outcome:
    """Make a release that was proven here live again; the branch stays, the environment is held."""
    return release(desk, request)


def release(desk: Desk, request: ReleaseRequest) -> Outcome:
    """Observe, plan and execute; with `wait`, once more whenever a lock was in the way."""

    def attempt() -> Outcome:
        plan = decide(observe(desk, request))
        if request.run_missing and not request.plan and run_missing(desk, plan):
            plan = decide(observe(desk, request))
        return execute(desk, plan)

    return retry_while_locked(desk, attempt, wait=request.wait and not request.plan)
