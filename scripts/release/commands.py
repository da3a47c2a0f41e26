"""`deploy`, `promote` and `rollback`: observe, plan, execute; they differ in what they ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.quality.gates import unmet
from scripts.quality.request import AppTestRequest, E2eRequest, LoadRequest
from scripts.release import pull_request
from scripts.release.execute import execute
from scripts.release.observe import observe
from scripts.release.plan import Plan, decide
from scripts.release.request import DeployRequest, PromoteRequest, ReleaseRequest, RollbackRequest
from scripts.replit.drivers import driver_of
from scripts.state.ledger import Event
from scripts.state.waiting import retry_while_locked


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
    """Observe, plan and execute; with `wait`, once more whenever a lock was in the way.

    The run of an owner that is dead is finished or undone first, as `resume` does it.
    """
    shown: list[Event | None] = []  # what the ledger called live when this run looked first

    def attempt() -> Outcome:
        try:
            return once()
        finally:  # a session that was opened for a build which did not come
            driver_of(desk, request.target(desk.settings)).disconnect()

    def once() -> Outcome:
        plan = decide(observe(desk, request))
        shown.append(plan.facts.previous)
        _require_same(request, shown[0], plan)
        if request.run_missing and not request.plan and run_missing(desk, plan):
            plan = decide(observe(desk, request))
        plan = pull_request.ready(desk, plan, again)
        return execute(desk, plan)

    def again(commit: str) -> Plan:
        return decide(observe(desk, replace(request, sha=commit)))

    return retry_while_locked(
        desk,
        attempt,
        wait=request.wait and not request.plan,
        environments=[request.target(desk.settings)],
        yes=request.yes,
    )


def _require_same(request: ReleaseRequest, first: Event | None, plan: Plan) -> None:
    """Whoever waited to go back from a release does not go back from the one that took its place.

    Raises:
        Refused: another one is live since, by somebody's rollback, or by a dead run that was finished.
    """
    now, name = plan.facts.previous, plan.facts.environment.name
    if not plan.facts.rolls_back or request.to or now is None or first is None or now == first:
        return
    raise Refused(
        f"{now.release} `{now.commit[:12]}` took the place of {first.release} in {name} while this run"
        " waited: nothing was changed",
        f"`invoke status`; should {now.release} be bad too: `invoke rollback --env {name}`",
    )


def run_missing(desk: Desk, plan: Plan) -> bool:
    """Run what can be run; returns whether anything was. A test that fails stays a missing proof."""
    before = plan.facts.before
    if before is None or plan.refused is None or plan.refused.rule != "gates":
        return False  # another rule says no: a test would be in vain
    wanted = [each for each in unmet(plan.gates) if each.name in RUNS]
    for gate in wanted:
        desk.progress.note(f"missing: {gate}\n   $ {gate.command}")
        desk.progress.note(RUNS[gate.name](desk, before.name, gate.level, plan.facts.wanted).message)
    return bool(wanted)


def _app(desk: Desk, env: str, suite: str, commit: str) -> Outcome:
    from scripts.quality.app_tests import command as app_command

    return app_command.test_app(desk, AppTestRequest(env=env, suite=suite, sha=commit))


def _e2e(desk: Desk, env: str, suite: str, _commit: str) -> Outcome:
    from scripts.quality.e2e import command

    return command.test_e2e(desk, E2eRequest(env=env, suite=suite))


def _load(desk: Desk, env: str, profile: str, _commit: str) -> Outcome:
    from scripts.quality.load import command as load_command

    return load_command.load_test(desk, LoadRequest(env=env, profile=profile))


RUNS: dict[str, Callable[[Desk, str, str, str], Outcome]] = {
    "unit": _app,
    "integration": _app,
    "e2e": _e2e,
    "load": _load,
}
