"""`load-test`: load on an environment, and a verdict, which is a proof for the commit that was served."""

from __future__ import annotations

import dataclasses
from typing import Any

from scripts.adapters.quality import locust_run
from scripts.adapters.quality.locust_run import LoadRun
from scripts.domain.outcome import Outcome
from scripts.domain.quality import load_words
from scripts.domain.quality.load_plan import LoadPlan, LoadWish, lacking, plan_of
from scripts.domain.quality.load_settings import Limits
from scripts.domain.quality.load_words import Told
from scripts.domain.settings import Environment
from scripts.errors import ConfigError, Declined, Refused
from scripts.workflows.quality import load_worker, reports
from scripts.workflows.quality.load_judged import WHAT, judged, prove_it, report
from scripts.workflows.quality.load_trial import Trial, tried
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.toolbox import Toolbox

INCONCLUSIVE = 8


def run(
    tools: Toolbox, *, env: str = "", master: str = "", yes: bool = False, commit: str = "", **wish: Any
) -> Outcome:
    """Plan, confirm, load, look, clean up, judge, report, prove."""
    environment = tools.settings.environment(env or _default(tools))
    if master:
        return load_worker.run(tools, environment, master)
    asked = LoadWish(**wish)
    plan = plan_of(tools.settings.load, environment, asked)
    _ready(tools, environment)
    _confirm(tools, environment, plan, yes=yes)
    trial = _trial(tools, environment, plan, commit)
    found = tried(trial)
    verdict, rows = judged(trial, found)
    told = report(trial, verdict, found)
    if trial.commit and verdict.word in ("passed", "failed"):
        prove_it(
            trial, verdict, rows, whole=asked == LoadWish(profile=asked.profile, processes=asked.processes)
        )
    return _ended(trial, told)


def _default(tools: Toolbox) -> str:
    """The last environment of the chain without customers: staging."""
    free = [each.name for each in tools.settings if not each.guarded]
    if not free:
        raise Refused("every environment is guarded: name the one to load", "`--env NAME`")
    return free[-1]


def _ready(tools: Toolbox, environment: Environment) -> None:
    """What would make the run worthless is said before it begins.

    Raises:
        Refused: no thresholds, no generator; ConfigError: variables are missing.
    """
    load = tools.settings.load
    if load.thresholds == Limits() and not load.endpoints:
        raise Refused(
            "there is no threshold, so nothing could fail", "`[load.thresholds]` in `pipeline.toml`"
        )
    if locust_run.lacks_locust():
        raise Refused("`locust` is not installed", "`scripts/bootstrap load-test ...` installs it")
    names = lacking(load, tools.values(environment))
    if names:
        listed, file = ", ".join(f"`{each}`" for each in names), f".env.{environment.name}"
        raise ConfigError(
            f"`[load.mix]` needs {listed} of {environment.name}",
            f"set it in `{tools.config_folder / file}`, or give its journey no weight",
        )


def _confirm(tools: Toolbox, environment: Environment, plan: LoadPlan, *, yes: bool) -> None:
    tools.progress.note(f"{plan.label}, on {environment.name} ({environment.url})")
    if environment.guarded and not yes and not tools.progress.confirm(environment.name):
        raise Declined(
            f"{environment.name} is guarded and nobody confirmed: no load was made",
            "type the environment's name when asked, or say `--yes`",
        )


def _trial(tools: Toolbox, environment: Environment, plan: LoadPlan, commit: str) -> Trial:
    """What should be served there: what was typed, the newest release, or else the branch's head."""
    remote = observe_remote(tools)
    live = remote.ledger.live(environment.name)
    if commit:
        expected: str | None = tools.git.resolve(commit, remote.refs)
    else:
        expected = live.commit if live else remote.head(environment)
    folder = reports.folder(tools, environment, WHAT, expected or "unknown")
    return Trial(tools, environment, plan, expected, remote.ledger, LoadRun(folder), tools.new_id())


def _ended(trial: Trial, told: Told) -> Outcome:
    verdict, name = told.verdict, trial.environment.name
    data = {
        **load_words.document(told, trial.plan.seconds),
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
