"""`test-app`: the app's own tests on a clean checkout of a commit; a pass proves that commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from scripts.config import places
from scripts.config.access import access_headers
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused, UsageError
from scripts.quality import evidence, proofs
from scripts.quality.app_tests.checkout import OUTPUT, REPORT, Suite, run_on_checkout
from scripts.quality.app_tests.summary import judge_output
from scripts.quality.junit import read_junit
from scripts.quality.request import AppTestRequest
from scripts.quality.served import await_commit
from scripts.quality.verdict import Verdict, judge
from scripts.replit.drivers import driver_of
from scripts.state.remote import Remote, observe_remote
from scripts.system.confinement import confinement
from scripts.system.near import guess

SUITES = ("unit", "integration")


@dataclass(frozen=True)
class Trial:
    """Which commit is tested, where, and how."""

    environment: Environment
    commit: str
    suite: str
    argv: tuple[str, ...]
    report: str


def test_app(desk: Desk, request: AppTestRequest) -> Outcome:
    """Check the commit out, install, run its tests, judge, and write the proof."""
    trial = _trial(desk, request)
    if trial.suite == "integration":
        await_commit(desk, trial.environment, trial.commit)
    folder = proofs.create_report_folder(desk, trial.environment, trial.suite, trial.commit)
    verdict = _run(desk, trial, folder)
    if verdict.name in ("passed", "failed"):  # a doubtful run proves neither
        proofs.prove(
            desk,
            trial.environment,
            trial.suite,
            trial.commit,
            passed=verdict.passed,
            level=trial.suite,
            verdict=verdict.name,
            tests=verdict.counts,
            measured=evidence.of_app_tests(desk.settings, trial.environment, trial.suite),
            **proofs.reference(desk, folder),
        )
    return _outcome(desk, trial, verdict, folder)


def _trial(desk: Desk, request: AppTestRequest) -> Trial:
    """Check the request.

    Raises:
        Refused: there is no such suite or command, or the tests would write where customers are.
    """
    settings, suite = desk.settings, request.suite
    if suite not in SUITES:
        hint = f"{guess(suite, SUITES)}`--suite unit` or `--suite integration`"
        raise UsageError(f"there is no suite `{suite}`", hint)
    argv = getattr(settings.tests, suite)
    if not argv:
        raise Refused(
            f"`pipeline.toml` names no command for the {suite} tests",
            f'such as `{suite} = ["npm", "test"]` in `[tests]`',
        )
    last = next((each for each in reversed(list(settings)) if not each.guarded), next(iter(settings)))
    usual = next(iter(settings)) if suite == "unit" else last
    environment = settings.environment(request.env) if request.env else usual
    if suite == "integration" and environment.guarded:
        raise Refused(
            f"{environment.name} is guarded, and integration tests may write",
            f"`invoke test-app --suite integration --env {last.name}`",
        )
    commit = _commit(desk, observe_remote(desk), environment, request)
    return Trial(environment, commit, suite, argv, getattr(settings.tests, f"{suite}_report"))


def _commit(desk: Desk, remote: Remote, environment: Environment, request: AppTestRequest) -> str:
    if request.sha:
        return desk.git.resolve(request.sha, remote.refs)
    if request.suite == "integration":
        return proofs.live_commit(remote.ledger, environment)
    head = remote.head(environment)
    if head is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha COMMIT`")
    return head


def _run(desk: Desk, trial: Trial, folder: Path) -> Verdict:
    """Run the tests, keep what they printed and reported, and judge it."""
    settings, suite = desk.settings, trial.suite
    places.warn(desk)
    started = desk.clock()
    command = Suite(trial.argv, trial.report, _variables(desk, trial), settings.tests.timeout, "tests")
    with confinement(places.hidden(desk)) as confined:
        code, told = run_on_checkout(desk, confined, trial.commit, command, folder)
    if trial.report:
        served = (trial.commit, _served(desk, trial))
        verdict = judge(read_junit(folder / REPORT), exit_code=code, wanted=1, served=served)
    else:
        verdict = judge_output(told, code, suite)
        if verdict.passed and _served(desk, trial) != trial.commit:
            verdict = Verdict("inconclusive", ("another release came in between",), (), verdict.told)
    desk.progress.end("tests", "done" if verdict.passed else "failed", desk.clock() - started)
    return verdict


def _served(desk: Desk, trial: Trial) -> str | None:
    """The commit that is served afterwards; unit tests ask nobody."""
    if trial.suite == "unit":
        return trial.commit
    return driver_of(desk, trial.environment).live().commit


def _variables(desk: Desk, trial: Trial) -> dict[str, str]:
    """What the tests get: unit tests none of the environment's values."""
    given = {"TEST_COMMIT": trial.commit}
    if trial.suite == "unit":
        return given
    environment, settings = trial.environment, desk.settings
    values = desk.values(environment)
    names = (*settings.app.build_variables, *settings.tests.variables)
    return {
        **{name: values[name] for name in names if name in values},
        **given,
        "TEST_URL": environment.url,
        "TEST_ENVIRONMENT": environment.name,
        "TEST_ACCESS": json.dumps(access_headers(desk, environment)),
    }


def _outcome(desk: Desk, trial: Trial, verdict: Verdict, folder: Path) -> Outcome:
    name, commit = trial.environment.name, trial.commit[:12]
    data = {
        "environment": name,
        "commit": trial.commit,
        "suite": trial.suite,
        **verdict.document(),
        "reports": str(folder),
    }
    if not verdict.passed:
        reasons = "".join(f"\n  | {reason}" for reason in verdict.reasons)
        hint = f"what the tests printed: `{folder / OUTPUT}`"
        return Outcome.failed(f"{verdict.name}: {trial.suite} tests of `{commit}`{reasons}", hint, **data)
    following = desk.settings.after(trial.environment)
    return Outcome.done(
        f"passed: {verdict.counts['passed']} {trial.suite} tests of `{commit}`; a proof is in the ledger",
        f"next: `invoke promote --to {following.name} --plan`" if following else None,
        **data,
    )
