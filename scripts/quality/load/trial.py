"""Runs one load test: watches which commit is served, and removes the rows that the load wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.config.access import access_headers
from scripts.config.desk import Desk
from scripts.config.load_settings import LoadSettings
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Interrupted
from scripts.quality.leftovers import remove_rows
from scripts.quality.load.live import live
from scripts.quality.load.locust import LocustRun
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measurements, parse_result
from scripts.quality.load.verdict import Conditions, served_problems
from scripts.replit.drivers import driver_of
from scripts.state.lease import Lease
from scripts.state.ledger import Ledger
from scripts.system.process import error_tail, run_polling
from scripts.system.signals import Stop, ignore

LOOK_INTERVAL = 2.0  # seconds between two looks at which commit is served
LIVE_INTERVAL = 1.0  # seconds between two updates of the line that people watch
LOOKS = 3  # before the load; then the address counts as dead


@dataclass
class Trial:
    """One load test: what is to be done, and what was seen so far."""

    desk: Desk
    environment: Environment
    plan: LoadPlan
    expected: str | None
    ledger: Ledger
    locust: LocustRun
    run: str
    served: list[str | None] = field(default_factory=list)
    markers: list[tuple[float, str]] = field(default_factory=list)
    began: str = ""  # when the generator was started: UTC, ISO 8601
    leftovers: tuple[str, ...] = ()
    stored: int | None = None
    lease: Lease | None = None
    looked: float = float("-inf")  # when the served commit was looked at last, in seconds of the run

    @property
    def commit(self) -> str | None:
        """The commit that was served at the beginning."""
        return self.served[0] if self.served else None

    @property
    def conditions(self) -> Conditions:
        """What the verdict rests on, apart from the measurements."""
        load = self.desk.settings.load
        served, alone = tuple(self.served), self.lease is None or not self.lease.lost
        limits = load.thresholds, load.endpoints
        return Conditions(self.plan, *limits, self.expected, served, self.stored, alone)


def run_trial(trial: Trial) -> Measurements | None:
    """Generate the load, and clean up. None if another commit than the expected one is served.

    Raises:
        CommandFailed, CommandTimedOut: the target does not answer, or Locust failed.
        Interrupted: the load has stopped.
    """
    desk = trial.desk
    _await_answer(trial)
    if list(served_problems(trial.conditions)):
        return None
    desk.progress.begin("load", trial.plan.label)
    started, trial.began = desk.clock(), desk.now()
    try:
        measurements = _generate_load(trial, started)
    except (CommandFailed, CommandTimedOut) as fault:
        _finish(trial, "failed", started)
        raise _infrastructure(trial, fault) from None
    except Stop as stop:
        ignore()
        _finish(trial, "interrupted", started)
        raise Interrupted("; ".join((f"{stop}: the load has stopped", *trial.leftovers))) from None
    _finish(trial, "done", started)
    _look(trial, desk.clock() - started - trial.plan.warmup)
    if trial.lease:
        trial.lease.is_held()  # it notes what it finds
    return measurements


def _await_answer(trial: Trial) -> None:
    for attempt in range(LOOKS):
        trial.desk.sleep(trial.desk.settings.verify.interval if attempt else 0)
        _look(trial, 0.0)
        if trial.commit:
            return
    fault = CommandFailed(f"{trial.environment.url} does not say which commit it serves")
    raise _infrastructure(trial, fault)


def _look(trial: Trial, seconds: float) -> None:
    """Note a change of the served commit. An address that does not answer under load proves nothing."""
    commit = driver_of(trial.desk, trial.environment).live().commit
    if commit and (not trial.served or trial.served[-1] != commit):
        if trial.served:
            trial.markers.append((max(0.0, seconds), f"{commit[:12]} is served"))
        trial.served.append(commit)


def _generate_load(trial: Trial, started: float) -> Measurements:
    desk, plan, locust = trial.desk, trial.plan, trial.locust
    values, load = desk.values(trial.environment), desk.settings.load
    locust.write_plan(trial.run, plan.document(load, values.get(load.rest, "")))
    command = locust.command(
        trial.environment.url.rstrip("/"),
        {**locust_secrets(values, load), **access_secrets(desk, trial.environment)},
        workers=plan.workers,
        port=plan.port,
        seconds=plan.warmup + plan.seconds + load.drain,
    )
    ended = run_polling(command, LIVE_INTERVAL, lambda: _watch(trial, desk.clock() - started))
    try:
        return parse_result(locust.read_result(), trial.run)
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(
            f"`locust` ended with {ended.code} and left no result{error_tail(ended)}",
            f"look at `{locust.folder / 'locust.log'}`",
            exit_code=ended.code,
        ) from None


def locust_secrets(values: Mapping[str, str], load: LoadSettings) -> dict[str, str]:
    """The environment variables of Locust's processes, from the environment's values."""
    names = {
        "LOAD_ACCOUNTS": "LOAD_ACCOUNTS",
        "LOAD_WHATSAPP_SECRET": "WHATSAPP_APP_SECRET",
        "LOAD_REST_KEY": load.rest_key,
    }
    return {theirs: values[ours] for theirs, ours in names.items() if values.get(ours)}


def access_secrets(desk: Desk, environment: Environment) -> dict[str, str]:
    """The variable that opens a private app for Locust's processes: a JSON object of headers."""
    headers = access_headers(desk, environment)
    return {"LOAD_ACCESS": json.dumps(headers)} if headers else {}


def _watch(trial: Trial, elapsed: float) -> None:
    """Show how it goes; stop the load if another commit is served."""
    trial.desk.progress.advance(*live(trial.plan, trial.locust.read_progress(), elapsed))
    if elapsed - trial.looked >= LOOK_INTERVAL:
        trial.looked = elapsed
        _look(trial, elapsed - trial.plan.warmup)
    if len(trial.served) > 1:
        trial.locust.stop("the app was redeployed in the middle")
    if trial.lease and trial.lease.lost:
        trial.locust.stop("another load test has taken over the environment")


def _finish(trial: Trial, ending: str, started: float) -> None:
    trial.desk.progress.end("load", ending, trial.desk.clock() - started)
    if trial.plan.writes:
        trial.leftovers, trial.stored = remove_test_data(trial.desk, trial.environment, trial.run)


def remove_test_data(desk: Desk, environment: Environment, run: str) -> tuple[tuple[str, ...], int | None]:
    """Delete the rows that the run wrote, in one transaction.

    Returns:
        What is left, and how to find it; and how many rows there were, None if nobody knows.
    """
    mark = f"everything that this run wrote has `load-{run}-` in its mail address or WhatsApp id"
    statements = [statement.replace("{run}", run) for statement in desk.settings.load.cleanup]
    return remove_rows(desk, environment, statements, mark)


def _infrastructure(trial: Trial, fault: DeskError) -> DeskError:
    """The load test could not be done, which says nothing about the app."""
    fault.data = {
        "verdict": "infrastructure", "reasons": [fault.message], "endpoints": {},
        "left": list(trial.leftovers), "environment": trial.environment.name,
        "reports": str(trial.locust.folder),
    }  # fmt: skip
    return fault
