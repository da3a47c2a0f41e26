"""`test-e2e`: journeys against a public URL; what passed is a proof for the commit that is served there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import DESK
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandTimedOut, Refused, ReleaseFailed
from scripts.git import merge
from scripts.quality import proofs
from scripts.quality.e2e import pytest_run, traces
from scripts.quality.e2e.pytest_run import Journeys
from scripts.quality.e2e.verdict import Case, Verdict, judge
from scripts.quality.html import page
from scripts.quality.proofs import prove
from scripts.quality.request import E2eRequest
from scripts.replit.drivers import driver_of
from scripts.replit.live import Expected, fault
from scripts.state.remote import observe_remote
from scripts.system.process import stream_lines
from scripts.system.secret import redact

SHIPPED = DESK / "tests" / "e2e"
SUITES = ("smoke", "full")


@dataclass(frozen=True)
class Trial:
    """What is tried: which commit, where, how much of it."""

    environment: Environment
    commit: str
    suite: str
    only: str
    headed: bool

    @property
    def proves(self) -> bool:
        """A part of a suite proves nothing about the whole."""
        return not self.only


def test_e2e(desk: Desk, request: E2eRequest) -> Outcome:
    """Wait for the commit, make the journeys, judge their report, write the proof."""
    trial = _trial(desk, request.env, request.suite, request.k, request.commit, headed=request.headed)
    _require_browser(desk)
    await_commit(desk, trial.environment, trial.commit)
    folder = proofs.folder(desk, trial.environment, "e2e", trial.commit)
    verdict = _make_journeys(desk, trial, folder)
    _write_page(desk, trial, verdict, folder)
    if trial.proves and verdict.name in ("passed", "failed"):  # what is in doubt proves neither
        counts = {"tests": verdict.counts, "verdict": verdict.name, "level": trial.suite}
        known = proofs.known_as(desk, folder / pytest_run.REPORT)
        prove(desk, trial.environment, "e2e", trial.commit, passed=verdict.passed, **known, **counts)
    return _told(desk, trial, verdict, folder)


def _trial(desk: Desk, env: str, suite: str, only: str, commit: str, *, headed: bool) -> Trial:
    """What was asked for.

    Raises:
        Refused: there is no such suite, nothing to try, or customers would see what it writes.
    """
    environment = desk.settings.environment(env)
    if suite not in SUITES:
        raise Refused(f"there is no suite `{suite}`", "`--suite smoke` or `--suite full`")
    if environment.guarded and suite != "smoke":
        raise Refused(
            f"{environment.name} is guarded, and the full suite writes bookings and messages",
            f"`invoke test-e2e --env {environment.name} --suite smoke` only reads",
        )
    remote = observe_remote(desk)
    live = remote.ledger.live(environment.name)
    if commit:
        wanted = desk.git.resolve(commit, remote.refs)
    elif live:
        wanted = live.commit
    else:
        deploy = f"`invoke deploy --env {environment.name}`"
        raise Refused(f"nothing was released on {environment.name} yet", deploy)
    return Trial(environment, wanted, suite, only, headed)


def _require_browser(desk: Desk) -> None:
    """Missing tools are said, never skipped over; an app's own journeys bring what they need."""
    if not desk.settings.e2e.path and pytest_run.lacks_playwright():
        raise Refused(
            "the journeys need the Python package `playwright`, which is not installed",
            "`scripts/bootstrap test-e2e ...` installs it (`requirements-e2e.txt`)",
        )


def await_commit(desk: Desk, environment: Environment, commit: str) -> None:
    """Until the public URL answers with the commit and its pages work.

    Raises:
        ReleaseFailed: it did not within `[verify] timeout`; nothing was tried.
    """
    verify, expected = desk.settings.verify, Expected(commit, environment.name)
    deadline = desk.clock() + verify.timeout
    while True:
        problem = fault(driver_of(desk, environment).live(), expected)
        if problem is None:
            return
        if desk.clock() + verify.interval > deadline:
            raise ReleaseFailed(
                f"nothing was tried: {environment.url} does not serve `{commit[:12]}`: {problem}",
                f"`invoke deploy --env {environment.name}`",
            )
        desk.sleep(verify.interval)


def _make_journeys(desk: Desk, trial: Trial, folder: Path) -> Verdict:
    """Run them, and judge the report that they leave."""
    e2e = desk.settings.e2e
    desk.progress.begin("journeys", f"{trial.suite} suite against {trial.environment.url}")
    started = desk.clock()
    with tempfile.TemporaryDirectory(prefix="journeys-") as place:
        tests = merge.export_folder(desk.git, trial.commit, e2e.path, Path(place)) if e2e.path else SHIPPED
        smoke, variables = trial.suite == "smoke", _variables(desk, trial, folder)
        journeys = Journeys(tests, folder, smoke, trial.only, variables, e2e.timeout)
        try:
            code: int | None = stream_lines(journeys.command(), desk.progress.output)
        except CommandTimedOut:
            code = None
    traces.clean(folder, redact)
    wanted = 1 if trial.only else (e2e.min_smoke_tests if smoke else e2e.min_tests)
    after = driver_of(desk, trial.environment).live().commit
    verdict = judge(
        _cases(journeys.report), exit_code=code, wanted=max(1, wanted), served=(trial.commit, after)
    )
    desk.progress.end("journeys", verdict.name, desk.clock() - started)
    return verdict


def _cases(report: Path) -> Sequence[Case] | None:
    rows = pytest_run.read_junit(report)
    return None if rows is None else [Case(*row) for row in rows]


def _variables(desk: Desk, trial: Trial, folder: Path) -> dict[str, str]:
    """What the journeys are told: where, what, and which hosts belong to other environments."""
    settings, environment = desk.settings, trial.environment
    values = desk.values(environment)
    names = (*settings.app.build_variables, *settings.e2e.variables)
    others = [each for each in settings if each is not environment]
    foreign = {each.url for each in others}
    for each in others:
        known = desk.values(each)
        foreign |= {known[n] for n in settings.app.build_variables if known.get(n, "").startswith("http")}
    own = {environment.url, *(values.get(name, "") for name in names)}
    return {
        **{name: values[name] for name in names if name in values},
        "E2E_URL": environment.url,
        "E2E_COMMIT": trial.commit,
        "E2E_ENVIRONMENT": environment.name,
        "E2E_VERSION_PATH": settings.app.version_path,
        "E2E_FOREIGN": json.dumps(sorted(foreign - own)),
        "E2E_ARTEFACTS": str(folder),
        "E2E_BROWSER": pytest_run.browser(),
        "E2E_HEADED": "yes" if trial.headed else "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "default",
    }


def _write_page(desk: Desk, trial: Trial, verdict: Verdict, folder: Path) -> None:
    """The report for people, beside the one for machines."""
    counts = verdict.counts
    facts = [
        ("environment", f"{trial.environment.name} ({trial.environment.url})"),
        ("commit", trial.commit),
        ("suite", trial.suite + (f", only `{trial.only}`" if trial.only else "")),
        ("tests", ", ".join(f"{number} {name}" for name, number in counts.items())),
        ("at", f"{desk.now()}, {desk.actor}"),
    ]
    files = {
        case.name: sorted(
            str(each.relative_to(folder)) for each in (folder / case.name.rpartition("::")[2]).glob("*")
        )
        for case in verdict.cases
        if case.ending in ("failed", "error")
    }
    (folder / "report.html").write_text(redact(page(verdict, facts, files)), encoding="utf-8")


def _told(desk: Desk, trial: Trial, verdict: Verdict, folder: Path) -> Outcome:
    data = {
        "environment": trial.environment.name,
        "commit": trial.commit,
        "suite": trial.suite,
        **verdict.document(),
        "report": str(folder / pytest_run.REPORT),
        "html": str(folder / "report.html"),
    }
    name, commit = trial.environment.name, trial.commit[:12]
    if not verdict.passed:
        listed = "".join(f"\n  | {each}" for each in verdict.reasons)
        look = f"traces and pictures: `{folder}`; a trace opens with `playwright show-trace FILE`"
        return Outcome.failed(f"{verdict.name}: `{commit}` on {name}{listed}", look, **data)
    following = desk.settings.after(trial.environment)
    proof = "a proof is in the ledger" if trial.proves else "no proof: only a part of the suite was run"
    return Outcome.done(
        f"passed: {verdict.counts['passed']} tests of `{commit}` on {name}; {proof}",
        f"next: `invoke promote --to {following.name} --plan`" if following else None,
        **data,
    )
