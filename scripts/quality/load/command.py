"""`load-test`: load on an environment, and a verdict, which is a proof for the commit that was served."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.load_settings import Limits
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, ConfigError, Refused
from scripts.quality import proofs
from scripts.quality.load import locust
from scripts.quality.load import report as load_report
from scripts.quality.load import trial as load_trial
from scripts.quality.load.judge import WHAT, judged, prove_it, report
from scripts.quality.load.locust import LoadRun
from scripts.quality.load.plan import LoadPlan, caps, lacking, plan_of
from scripts.quality.load.report import Told
from scripts.quality.load.trial import Trial, tried
from scripts.quality.request import LoadRequest
from scripts.state.remote import observe_remote
from scripts.system.process import attempt, error_tail

INCONCLUSIVE = 8


def load_test(desk: Desk, request: LoadRequest) -> Outcome:
    """Plan, confirm, load, look, clean up, judge, report, prove."""
    environment = desk.settings.environment(request.env or _default(desk))
    if request.master:
        return load_worker(desk, environment, request.master)
    plan = plan_of(desk.settings.load, environment, request)
    _ready(desk, environment)
    _confirm(desk, environment, plan, yes=request.yes)
    trial = _trial(desk, environment, plan, request.commit)
    found = tried(trial)
    verdict, rows = judged(trial, found)
    told = report(trial, verdict, found)
    if trial.commit and verdict.word in ("passed", "failed"):
        prove_it(trial, verdict, rows, whole=request.is_whole)
    return _ended(trial, told)


def _default(desk: Desk) -> str:
    """The last environment of the chain without customers: staging."""
    free = [each.name for each in desk.settings if not each.guarded]
    if not free:
        raise Refused("every environment is guarded: name the one to load", "`--env NAME`")
    return free[-1]


def _ready(desk: Desk, environment: Environment) -> None:
    """What would make the run worthless is said before it begins.

    Raises:
        Refused: no thresholds, no generator; ConfigError: variables are missing.
    """
    load = desk.settings.load
    if load.thresholds == Limits() and not load.endpoints:
        raise Refused(
            "there is no threshold, so nothing could fail", "`[load.thresholds]` in `pipeline.toml`"
        )
    if locust.lacks_locust():
        raise Refused("`locust` is not installed", "`scripts/bootstrap load-test ...` installs it")
    names = lacking(load, desk.values(environment))
    if names:
        listed, file = ", ".join(f"`{each}`" for each in names), f".env.{environment.name}"
        raise ConfigError(
            f"`[load.mix]` needs {listed} of {environment.name}",
            f"set it in `{desk.config_folder / file}`, or give its journey no weight",
        )


def _confirm(desk: Desk, environment: Environment, plan: LoadPlan, *, yes: bool) -> None:
    desk.progress.note(f"{plan.label}, on {environment.name} ({environment.url})")
    if environment.guarded:
        require_consent(desk.progress, environment.name, yes=yes, unchanged="no load was made")


def _trial(desk: Desk, environment: Environment, plan: LoadPlan, commit: str) -> Trial:
    """What should be served there: what was typed, the newest release, or else the branch's head."""
    remote = observe_remote(desk)
    live = remote.ledger.live(environment.name)
    if commit:
        expected: str | None = desk.git.resolve(commit, remote.refs)
    else:
        expected = live.commit if live else remote.head(environment)
    folder = proofs.folder(desk, environment, WHAT, expected or "unknown")
    return Trial(desk, environment, plan, expected, remote.ledger, LoadRun(folder), desk.new_id())


def _ended(trial: Trial, told: Told) -> Outcome:
    verdict, name = told.verdict, trial.environment.name
    data = {
        **load_report.document(told, trial.plan.seconds),
        "environment": name,
        "commit": trial.commit,
        "profile": trial.plan.profile,
        "model": trial.plan.model,
        "run": trial.run,
        "reports": str(trial.files.folder),
    }
    message = f"{verdict.word}: {trial.plan.label} on {name}"
    hint = f"the report: `{trial.files.folder / 'report.html'}`"
    if verdict.word == "passed":
        return Outcome.done(message, hint, **data)
    message += "".join(f"\n  | {each}" for each in verdict.reasons)
    if verdict.word == "failed":
        return Outcome.failed(message, hint, **data)
    return dataclasses.replace(Outcome.failed(message, hint, **data), ending="unknown", code=INCONCLUSIVE)


# `load-test --master HOST`: work for the load test that another machine leads.


WAIT = 600.0  # seconds that the master may take to begin


def load_worker(desk: Desk, environment: Environment, master: str) -> Outcome:
    """Make requests to the environment's own address, and to no other, until the master ends it.

    Raises:
        CommandFailed: the master is not there, was lost, or wants load on another address.
    """
    url, longest = environment.url.rstrip("/"), caps(environment).minutes * 60 + WAIT
    secrets = load_trial.secrets(desk.values(environment), desk.settings.load)
    desk.progress.begin("work", f"for {master}, on {url}")
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        ended = attempt(locust.worker_command(master, secrets, Path(place), url, longest))
    desk.progress.end("work", "failed" if ended.code else "done", ended.seconds)
    if ended.code:
        raise CommandFailed(f"the worker ended with {ended.code}{error_tail(ended)}", exit_code=ended.code)
    return Outcome.done(f"worked for {master}; the verdict is there", environment=environment.name)
