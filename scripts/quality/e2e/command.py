"""`test-e2e`: browser tests against the public URL; a pass proves the commit that is served there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.config import places
from scripts.config.access import access_headers
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import SUITES, Environment
from scripts.errors import CommandTimedOut, Refused, UsageError
from scripts.git import merge
from scripts.quality import evidence, proofs
from scripts.quality.app_tests.checkout import OUTPUT
from scripts.quality.digests import SHIPPED_TESTS, journeys_here
from scripts.quality.e2e import app_suite, pytest_run
from scripts.quality.e2e.observed import OMITTED, omitted, weigh
from scripts.quality.e2e.prerequisites import require_what_journeys_need
from scripts.quality.e2e.pytest_run import PytestRun
from scripts.quality.html_tests import page
from scripts.quality.junit import MAX_REPORT, read_junit
from scripts.quality.leftovers import remove_rows
from scripts.quality.request import E2eRequest
from scripts.quality.served import await_commit
from scripts.quality.standing import Standing, standing
from scripts.quality.verdict import Verdict, judge
from scripts.replit.drivers import driver_of
from scripts.state.remote import observe_remote
from scripts.system.confinement import Confinement, confinement
from scripts.system.near import guess
from scripts.system.process import stream_lines
from scripts.system.secret import redact


@dataclass(frozen=True)
class Trial:
    """Which commit is tested, where, and with which tests."""

    environment: Environment
    commit: str
    suite: str
    only: str
    headed: bool
    argv: tuple[str, ...]  # `[e2e] command` for this suite
    run: str  # what the tests write carries it

    @property
    def is_whole(self) -> bool:
        """A part of a suite proves nothing about the whole."""
        return not self.only


@dataclass(frozen=True)
class Tested:
    """How a trial ended: the verdict, its reports, rows that are left, whether it counts."""

    verdict: Verdict
    folder: Path
    left: tuple[str, ...]
    stands: Standing


def test_e2e(desk: Desk, request: E2eRequest) -> Outcome:
    """Wait for the commit, run the tests, judge their report, write the proof."""
    trial = _trial(desk, request)
    require_what_journeys_need(desk, trial.environment)
    await_commit(desk, trial.environment, trial.commit)
    folder = proofs.create_report_folder(desk, trial.environment, "e2e", trial.commit)
    try:
        verdict = _run(desk, trial, folder)
    finally:
        left = _remove_rows(desk, trial)
    recorded = trial.is_whole and verdict.name in ("passed", "failed")  # a doubtful run proves neither
    stands = standing(
        desk.settings,
        trial.environment,
        "e2e",
        trial.suite,
        verdict=verdict.name,
        changed=() if trial.is_whole else ("-k",),
        recorded=recorded,
    )
    _write_page(desk, trial, verdict, folder, stands)
    if recorded:
        proofs.prove(
            desk,
            trial.environment,
            "e2e",
            trial.commit,
            passed=verdict.passed,
            level=trial.suite,
            verdict=verdict.name,
            tests=verdict.counts,
            measured=evidence.of_e2e(desk.settings, trial.environment, journeys_here().e2e),
            **proofs.reference(desk, folder),
        )
    return _outcome(desk, trial, Tested(verdict, folder, left, stands))


def _remove_rows(desk: Desk, trial: Trial) -> tuple[str, ...]:
    """Remove what the full suite wrote; returns what is left."""
    cleanup = desk.settings.e2e.cleanup
    if trial.suite == "smoke" or not cleanup:
        return ()
    statements = [statement.replace("{run}", trial.run) for statement in cleanup]
    left, _ = remove_rows(desk, trial.environment, statements, f"it carries `e2e-{trial.run}-`")
    return left


def _trial(desk: Desk, request: E2eRequest) -> Trial:
    """Check the request.

    Raises:
        Refused: there is no such suite, nothing is live, or the tests would write where customers are.
    """
    environment, suite = desk.settings.environment(request.env), request.suite
    if suite not in SUITES:
        hint = f"{guess(suite, SUITES)}`--suite smoke` or `--suite full`"
        raise UsageError(f"there is no suite `{suite}`", hint)
    if environment.guarded and suite != "smoke":
        raise Refused(
            f"{environment.name} is guarded, and the full suite writes bookings and messages",
            f"`invoke test-e2e --env {environment.name} --suite smoke` only reads",
        )
    remote = observe_remote(desk)
    if request.commit:
        commit = desk.git.resolve(request.commit, remote.refs)
    else:
        commit = proofs.live_commit(remote.ledger, environment)
    argv = _command(desk, suite, request)
    return Trial(environment, commit, suite, request.k, request.headed, argv, desk.new_id())


def _command(desk: Desk, suite: str, request: E2eRequest) -> tuple[str, ...]:
    """`[e2e] command` for this suite; () where pytest runs.

    Raises:
        Refused: there is only one for the other suite, or a part is asked for.
    """
    e2e = desk.settings.e2e
    if not (e2e.command or e2e.smoke_command):
        return ()
    argv, key = (e2e.smoke_command, "smoke_command") if suite == "smoke" else (e2e.command, "command")
    if not argv:
        raise Refused(f"`pipeline.toml` names no command for the suite `{suite}`", f"`{key}` in `[e2e]`")
    if request.k or request.headed:
        raise Refused("`-k` and `--headed` are pytest's, and `[e2e] command` is run as it is", "leave them")
    return argv


def _run(desk: Desk, trial: Trial, folder: Path) -> Verdict:
    """Run the tests, and judge the report that they leave."""
    started = desk.clock()
    places.warn(desk)
    doubts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    with confinement(places.hidden(desk)) as confined:
        reports = confined.place / "reports"
        reports.mkdir()
        given = _variables(desk, trial, reports)
        if trial.argv:
            exit_code, doubts = app_suite.run(
                desk, confined, trial.commit, trial.argv, given, folder=folder
            )
        else:
            exit_code, left_out = _run_pytest(desk, trial, confined, given)
            confined.collect("reports", folder)
    pytest_run.remove_secrets(folder, redact)
    served = (trial.commit, driver_of(desk, trial.environment).live().commit)
    cases = read_junit(folder / pytest_run.REPORT)
    if not trial.argv:
        cases = weigh(cases)
    verdict = judge(
        cases,
        exit_code=exit_code,
        wanted=_wanted(desk, trial),
        served=served,
        omitted=left_out,
        doubts=doubts,
    )
    desk.progress.end("journeys", "done" if verdict.passed else "failed", desk.clock() - started)
    return verdict


def _wanted(desk: Desk, trial: Trial) -> int:
    """How many tests must pass, at least."""
    e2e = desk.settings.e2e
    return 1 if trial.only else max(1, e2e.min_smoke_tests if trial.suite == "smoke" else e2e.min_tests)


def _run_pytest(
    desk: Desk, trial: Trial, confined: Confinement, given: Mapping[str, str]
) -> tuple[int | None, tuple[str, ...]]:
    """Run the tests of a folder beside the observer; returns the exit code and what was not run."""
    e2e, plugins = desk.settings.e2e, confined.place / "plugins"
    desk.progress.begin("journeys", f"{trial.suite} suite against {trial.environment.url}")
    tests, names = SHIPPED_TESTS, [pytest_run.OBSERVER]
    if e2e.path:
        tests = merge.export_folder(desk.git, trial.commit, e2e.path, confined.place / "commit")
        names.append(pytest_run.FIXTURES)
    pytest_run.add_plugins(plugins)
    smoke, reports = trial.suite == "smoke", confined.place / "reports"
    run = PytestRun(tests, reports, smoke, trial.only, given, e2e.timeout, plugins, tuple(names))
    command = confined.command(run.command(), [tests, Path(pytest_run.browser() or tests)])
    try:
        exit_code: int | None = stream_lines(command, desk.progress.output)
    except CommandTimedOut:
        exit_code = None
    return exit_code, () if trial.only else omitted(confined.read(f"reports/{OMITTED}", MAX_REPORT))


def _variables(desk: Desk, trial: Trial, folder: Path) -> dict[str, str]:
    """The environment of the tests: where, what, and which hosts belong to other environments."""
    settings, environment = desk.settings, trial.environment
    values = desk.values(environment)
    names = (*settings.app.build_variables, *settings.e2e.variables)
    foreign = set()
    for other in settings:
        if other is not environment:
            theirs = desk.values(other)
            public = (theirs.get(name, "") for name in settings.app.build_variables)
            foreign |= {other.url, *(value for value in public if value.startswith("http"))}
    own = {environment.url, *(values.get(name, "") for name in names)}
    return {
        **{name: values[name] for name in names if name in values},
        "E2E_URL": environment.url,
        "E2E_COMMIT": trial.commit,
        "E2E_ENVIRONMENT": environment.name,
        "E2E_RUN": trial.run,
        "E2E_VERSION_PATH": settings.app.version_path,
        "E2E_ACCESS": json.dumps(access_headers(desk, environment)),
        "E2E_FOREIGN": json.dumps(sorted(foreign - own)),
        "E2E_OWN": json.dumps(sorted(url for url in own if url.startswith("http"))),
        "E2E_ARTEFACTS": str(folder),
        "E2E_BROWSER": pytest_run.browser(),
        "E2E_HEADED": "yes" if trial.headed else "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "default",
    }


def _write_page(desk: Desk, trial: Trial, verdict: Verdict, folder: Path, stands: Standing) -> None:
    """Write the HTML report, with links to what each failed test left."""
    facts = [
        ("environment", f"{trial.environment.name} ({trial.environment.url})"),
        ("commit", trial.commit),
        ("suite", trial.suite + (f", only `{trial.only}`" if trial.only else "")),
        ("tests", ", ".join(f"{number} {name}" for name, number in verdict.counts.items())),
        ("at", f"{desk.now()}, {desk.actor}"),
    ]
    files = {
        case.name: sorted(
            str(file.relative_to(folder))
            for file in (folder / case.name.rpartition("::")[2].replace("/", "-")).glob("*")
        )
        for case in verdict.cases
        if case.ending in ("failed", "error")
    }
    (folder / "report.html").write_text(redact(page(verdict, facts, files, stands.said)), encoding="utf-8")


def _outcome(desk: Desk, trial: Trial, tested: Tested) -> Outcome:
    verdict, folder, left = tested.verdict, tested.folder, tested.left
    name, commit = trial.environment.name, trial.commit[:12]
    data = {
        "environment": name,
        "commit": trial.commit,
        "suite": trial.suite,
        **verdict.document(),
        "left": list(left),
        "proof": tested.stands.document(),
        "report": str(folder / pytest_run.REPORT),
        "html": str(folder / "report.html"),
    }
    if not verdict.passed:
        reasons = "".join(f"\n  | {reason}" for reason in (*verdict.reasons, *left))
        hint = f"traces and screenshots: `{folder}`; open one with `playwright show-trace FILE`"
        if trial.argv and verdict.name == "infrastructure":
            hint = f"what the suite printed: `{folder / OUTPUT}`; `[e2e] report` names its JUnit file"
        if (
            trial.is_whole
            and verdict.name == "inconclusive"
            and verdict.counts["passed"] < _wanted(desk, trial)
        ):
            key = "min_smoke_tests" if trial.suite == "smoke" else "min_tests"
            hint = f"`{key}` in `[e2e]` says how many tests must pass; the report: `{folder}`"
        return Outcome.failed(f"{verdict.name}: `{commit}` on {name}{reasons}", hint, **data)
    following = desk.settings.after(trial.environment)
    notes = [*(f"counts for nothing: {each}" for each in verdict.void), *left]
    nothing = "".join(f"\n  | {each}" for each in notes)
    return Outcome.done(
        f"passed: {verdict.counts['passed']} tests of `{commit}` on {name}; {tested.stands.said}{nothing}",
        f"next: `invoke promote --to {following.name} --plan`"
        if following and tested.stands.counts
        else None,
        **data,
    )
