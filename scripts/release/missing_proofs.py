"""`promote --run-missing`: the tests whose proof is missing are run, as their own commands do it."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.quality.gates import unmet
from scripts.quality.request import E2eRequest, LoadRequest
from scripts.release.plan import Plan


def run_missing(desk: Desk, plan: Plan) -> bool:
    """Run what can be run; whether anything was. What failed stays missing, and the next plan says so."""
    before = plan.facts.before
    if before is None or plan.refused is None or plan.refused.rule != "gates":
        return False  # another rule says no: a test would be in vain
    wanted = [each for each in unmet(plan.gates) if each.name in RUNS]
    for gate in wanted:
        desk.progress.note(f"missing: {gate}\n   $ {gate.command}")
        desk.progress.note(RUNS[gate.name](desk, before.name, gate.level).message)
    return bool(wanted)


def _e2e(desk: Desk, env: str, suite: str) -> Outcome:
    from scripts.quality.e2e import command

    return command.test_e2e(desk, E2eRequest(env=env, suite=suite))


def _load(desk: Desk, env: str, profile: str) -> Outcome:
    from scripts.quality.load import command as load_command

    return load_command.load_test(desk, LoadRequest(env=env, profile=profile))


RUNS: dict[str, Callable[[Desk, str, str], Outcome]] = {"e2e": _e2e, "load": _load}
