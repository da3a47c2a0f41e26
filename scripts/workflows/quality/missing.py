"""`promote --run-missing`: the tests whose proof is missing are run, as their own commands do it."""

from __future__ import annotations

from collections.abc import Callable

from scripts.domain.outcome import Outcome
from scripts.domain.quality.gates import missing
from scripts.domain.release.plan import Plan
from scripts.workflows.toolbox import Toolbox


def run_missing(tools: Toolbox, plan: Plan) -> bool:
    """Run what can be run; whether anything was. What failed stays missing, and the next plan says so."""
    before = plan.facts.before
    if before is None or plan.refused is None or plan.refused.rule != "gates":
        return False  # another rule says no: a test would be in vain
    wanted = [each for each in missing(plan.gates) if each.name in RUNS]
    for gate in wanted:
        tools.progress.note(f"missing: {gate}\n   $ {gate.command}")
        tools.progress.note(RUNS[gate.name](tools, before.name, gate.level).message)
    return bool(wanted)


def _e2e(tools: Toolbox, env: str, suite: str) -> Outcome:
    from scripts.workflows.quality import test_e2e

    return test_e2e.run(tools, env=env, suite=suite)


def _load(tools: Toolbox, env: str, profile: str) -> Outcome:
    from scripts.workflows.quality import load_test

    return load_test.run(tools, env=env, profile=profile)


RUNS: dict[str, Callable[[Toolbox, str, str], Outcome]] = {"e2e": _e2e, "load": _load}
