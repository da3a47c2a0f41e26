"""`load-test`: load on an environment, judged against thresholds and a baseline; a pass is a proof."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.config import places
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.load_settings import Limits
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, ConfigError, Refused
from scripts.quality import evidence, proofs
from scripts.quality.digests import journeys_here
from scripts.quality.load import baseline, locust
from scripts.quality.load.locust import LocustRun
from scripts.quality.load.page import meaning, page
from scripts.quality.load.plan import LoadPlan, caps_of, missing_variables, plan_of
from scripts.quality.load.releases import releases_meanwhile
from scripts.quality.load.report import Report, document, junit, markdown
from scripts.quality.load.result import Measurements
from scripts.quality.load.running import Running, running
from scripts.quality.load.trial import Trial, access_secrets, locust_secrets, remove_test_data, run_trial
from scripts.quality.load.verdict import Verdict, judge, served_problems
from scripts.quality.request import LoadRequest
from scripts.quality.standing import standing
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import observe_remote
from scripts.system.confinement import Confinement, confinement
from scripts.system.process import attempt, error_tail
from scripts.system.secret import redact

INCONCLUSIVE = 8  # exit code
BASELINE = 10  # passed runs of which the best is what a new one is compared with
NOBODY_KNOWS = "0" * 40  # the commit, where nothing was released and there is no branch
MASTER_TIMEOUT = 600.0  # seconds for a master to begin


def load_test(desk: Desk, request: LoadRequest) -> Outcome:
    """Plan, confirm, generate the load, judge, report, prove."""
    environment = desk.settings.environment(request.env or _default_environment(desk))
    if request.master:
        return _work_for(desk, environment, request.master)
    plan = plan_of(desk.settings.load, environment, request)
    _check_prerequisites(desk, environment)
    desk.progress.note(f"{plan.label}, on {environment.name} ({environment.url})")
    if environment.guarded:
        require_consent(desk.progress, environment, yes=request.yes, unchanged="no load was made")
    places.warn(desk)
    commit, _ = _expected(desk, environment, request.commit)
    with running(desk, environment, commit or NOBODY_KNOWS, wait=request.wait) as runs:
        _sweep(desk, environment, runs)
        tried = _tried(desk, environment, plan, request.commit, runs)
        if tried.verdict.is_slower_alone:
            desk.progress.note("slower than before: a second run tells whether that was this machine")
            tried = _tried(desk, environment, plan, request.commit, runs)
    recorded = bool(
        tried.trial.commit and tried.measurements and not list(served_problems(tried.trial.conditions))
    )
    report = _write_reports(tried, request, recorded=recorded)
    if recorded:
        _prove(tried, whole=request.is_whole)
    return _outcome(tried.trial, report)


@dataclass(frozen=True)
class Tried:
    """A run, what it measured, the runs that it was compared with, and the verdict."""

    trial: Trial
    measurements: Measurements | None
    summary: dict[str, Any]
    before: Sequence[Event]
    verdict: Verdict


def _sweep(desk: Desk, environment: Environment, runs: Running) -> None:
    """Remove the rows that killed runs of this machine have left."""
    for run in [*runs.runs]:
        left, _ = remove_test_data(desk, environment, run)
        if left:
            desk.progress.note(f"warning: of a run that was killed {left[0]}")
        else:
            runs.over(run)


def _tried(desk: Desk, environment: Environment, plan: LoadPlan, commit: str, runs: Running) -> Tried:
    with confinement(places.hidden(desk)) as confined:
        trial = _trial(desk, environment, plan, commit, confined)
        trial.lease = runs.lease
        if plan.writes:
            runs.begin(trial.run)
        try:
            measurements = run_trial(trial)
        finally:
            trial.locust.collect()
            if trial.stored is not None:
                runs.over(trial.run)
    before = _baseline(trial)
    summary = baseline.summary(measurements) if measurements else {}
    return Tried(trial, measurements, summary, before, _judge(trial, measurements, summary, before))


def _default_environment(desk: Desk) -> str:
    """The last environment of the chain that is not guarded: staging."""
    names = [environment.name for environment in desk.settings if not environment.guarded]
    if not names:
        raise Refused("every environment is guarded: name the one to load", "`--env NAME`")
    return names[-1]


def _check_prerequisites(desk: Desk, environment: Environment) -> None:
    """Check before the load whatever would make the run worthless.

    Raises:
        Refused: there are no thresholds, or Locust is not installed.
        ConfigError: variables are missing.
    """
    load = desk.settings.load
    if load.thresholds == Limits() and not load.endpoints:
        raise Refused(
            "there is no threshold, so nothing could fail", "`[load.thresholds]` in `pipeline.toml`"
        )
    if locust.lacks_locust():
        raise Refused("`locust` is not installed", "`scripts/bootstrap load-test ...` installs it")
    names = missing_variables(load, desk.values(environment))
    if names:
        listed, file = ", ".join(f"`{name}`" for name in names), f".env.{environment.name}"
        raise ConfigError(
            f"`[load.mix]` needs {listed} of {environment.name}",
            f"set it in `{desk.config_folder / file}`, or give its journey no weight",
        )


def _trial(
    desk: Desk, environment: Environment, plan: LoadPlan, commit: str, confined: Confinement
) -> Trial:
    expected, ledger = _expected(desk, environment, commit)
    folder = proofs.create_report_folder(desk, environment, "load", expected or "unknown")
    return Trial(desk, environment, plan, expected, ledger, LocustRun(folder, confined), desk.new_id())


def _expected(desk: Desk, environment: Environment, commit: str) -> tuple[str | None, Ledger]:
    """The commit that was named, or the newest release's, or the branch's head; and the ledger."""
    remote = observe_remote(desk)
    live = remote.ledger.live(environment.name)
    if commit:
        return desk.git.resolve(commit, remote.refs), remote.ledger
    return live.commit if live else remote.head(environment), remote.ledger


def _comparable(plan: LoadPlan) -> dict[str, Any]:
    return {**plan.comparable, "machine": locust.machine()}


def _baseline(trial: Trial) -> tuple[Event, ...]:
    """The newest passed runs of the same plan, from the same kind of machine; the newest last."""
    comparable = _comparable(trial.plan)
    passed = [
        proof
        for proof in trial.ledger.proofs(trial.environment.name, "load")
        if proof.ending == "done"
        and proof.detail.get("alike") == comparable
        and isinstance(proof.detail.get("load"), Mapping)
    ]
    return tuple(passed[-BASELINE:])


def _judge(
    trial: Trial, measurements: Measurements | None, summary: dict[str, Any], before: Sequence[Event]
) -> Verdict:
    if measurements is None:
        return Verdict("inconclusive", tuple(served_problems(trial.conditions)))
    load = trial.desk.settings.load
    fastest = baseline.best([event.detail["load"] for event in before])
    comparisons = baseline.compare(fastest, summary, load.noise, load.noise_ms)
    return judge(measurements, trial.conditions, comparisons)


def _write_reports(tried: Tried, request: LoadRequest, *, recorded: bool) -> Report:
    """Write our reports next to Locust's own."""
    trial, measurements = tried.trial, tried.measurements
    compared = _said_of(tried.before)
    facts = [
        ("environment", f"{trial.environment.name} ({trial.environment.url})"),
        ("commit", trial.commit or "unknown"),
        ("load", trial.plan.label),
        ("machine", locust.machine()),
        ("baseline", compared),
        ("at", f"{trial.desk.now()}, {trial.desk.actor}"),
    ]
    notes = _notes(measurements, tried.summary) if measurements else ()
    settings = trial.desk.settings
    report = Report(
        verdict=tried.verdict,
        run=measurements,
        plan=trial.plan,
        where=trial.environment.name,
        limits=settings.load.thresholds,
        facts=facts,
        standing=standing(
            settings,
            trial.environment,
            "load",
            trial.plan.profile,
            verdict=tried.verdict.name,
            changed=request.changed,
            recorded=recorded,
        ),
        compared=compared,
        leftovers=trial.leftovers,
        markers=releases_meanwhile(trial),
        notes=notes,
    )
    files = {"report.html": page, "junit.xml": junit, "summary.md": markdown}
    for name, render in files.items():
        (trial.locust.folder / name).write_text(redact(render(report)), encoding="utf-8")
    return report


def _said_of(before: Sequence[Event]) -> str:
    if not before:
        return "none yet"
    return f"the best of {len(before)}, the newest `{before[-1].commit[:12]}` of {before[-1].at}"


def _notes(measurements: Measurements, summary: dict[str, Any]) -> Sequence[str]:
    left_out = ", ".join(measurements.left_out)
    too_few = ", ".join(baseline.not_comparable(summary))
    notes = [f"left out, because the environment allows no writes: {left_out}"] if left_out else []
    return [*notes, *([f"too few requests to compare with another run: {too_few}"] if too_few else [])]


def _prove(tried: Tried, *, whole: bool) -> None:
    """Write the proof; one that is no pass revokes an earlier one, an inconclusive run's, too.

    A changed profile proves nothing about the profile as it is written.
    """
    trial, verdict = tried.trial, tried.verdict
    profile = trial.plan.profile
    proofs.prove(
        trial.desk,
        trial.environment,
        "load",
        str(trial.commit),
        passed=verdict.name == "passed",
        level=profile if whole else f"{profile} (changed)",
        verdict=verdict.name,
        alike=_comparable(trial.plan),
        load=tried.summary,
        measured=evidence.of_load(
            trial.desk.settings.load, trial.environment, profile, journeys_here().load
        ),
        **proofs.reference(trial.desk, trial.locust.folder),
    )


def _outcome(trial: Trial, report: Report) -> Outcome:
    verdict, plan, folder = report.verdict, trial.plan, trial.locust.folder
    data = {
        **document(report),
        "meaning": meaning(report),
        "environment": trial.environment.name,
        "commit": trial.commit,
        "profile": plan.profile,
        "model": plan.model,
        "run": trial.run,
        "reports": str(folder),
    }
    message = f"{verdict.name}: {plan.label} on {trial.environment.name}"
    hint = f"the report: `{folder / 'report.html'}`"
    if verdict.name == "passed":
        return Outcome.done(message, hint, **data)
    message += "".join(f"\n  | {reason}" for reason in verdict.reasons)
    outcome = Outcome.failed(message, hint, **data)
    if verdict.name == "failed":
        return outcome
    return dataclasses.replace(outcome, ending="unknown", code=INCONCLUSIVE)


def _work_for(desk: Desk, environment: Environment, master: str) -> Outcome:
    """`--master HOST`: make requests for another machine's load test, to this environment's address only.

    Raises:
        CommandFailed: the master does not answer, was lost, or wants load on another address.
    """
    url = environment.url.rstrip("/")
    timeout = caps_of(environment).minutes * 60 + MASTER_TIMEOUT
    secrets = locust_secrets(desk.values(environment), desk.settings.load)
    secrets |= access_secrets(desk, environment)
    desk.progress.begin("work", f"for {master}, on {url}")
    with confinement(places.hidden(desk)) as confined:
        ended = attempt(locust.worker_command(master, secrets, confined, url, timeout))
    desk.progress.end("work", "failed" if ended.code else "done", ended.seconds)
    if ended.code:
        raise CommandFailed(f"the worker ended with {ended.code}{error_tail(ended)}", exit_code=ended.code)
    return Outcome.done(f"worked for {master}; the verdict is there", environment=environment.name)
