"""One load test on its way: look, load, watch, look again, take away what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.config.desk import Desk
from scripts.config.load_settings import LoadSettings
from scripts.config.settings import Environment
from scripts.database.postgres.client import Postgres, postgres_of
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Interrupted
from scripts.quality.load.locust import LoadRun
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measured, measured
from scripts.quality.load.verdict import Facts, served_faults
from scripts.replit.drivers import driver_of
from scripts.state.ledger import Ledger
from scripts.system.process import error_tail, run_polling
from scripts.system.signals import Stop, ignore

LOOK = 2.0  # seconds between two looks at which commit is served
LOOKS = 3  # at the beginning, before an address counts as dead
SPOKEN = 10.0  # seconds between two words on how it goes


@dataclass
class Trial:
    """One load test: what is to be done, and what was seen on the way."""

    desk: Desk
    environment: Environment
    plan: LoadPlan
    expected: str | None
    ledger: Ledger
    files: LoadRun
    run: str
    served: list[str | None] = field(default_factory=list)
    markers: list[tuple[float, str]] = field(default_factory=list)
    left: tuple[str, ...] = ()
    spoken: float = 0.0

    @property
    def commit(self) -> str | None:
        """What was served when it began."""
        return self.served[0] if self.served else None


def tried(trial: Trial) -> Measured | None:
    """Look, load, look again, and take away what was written; None when nothing was measured.

    Raises:
        CommandFailed, CommandTimedOut: the target does not answer, or the generator did not end well.
    """
    for again in range(LOOKS):
        trial.desk.sleep(trial.desk.settings.verify.interval if again else 0)
        _look(trial, 0.0)
        if trial.commit:
            break
    else:
        raise _infrastructure(
            trial, CommandFailed(f"{trial.environment.url} does not say which commit it serves")
        )
    if list(served_faults(facts_of(trial))):
        return None
    trial.desk.progress.begin("load", trial.plan.label)
    started = trial.desk.clock()
    try:
        found = _loaded(trial, started)
    except (CommandFailed, CommandTimedOut) as fault:
        _clean(trial, "failed", started)
        raise _infrastructure(trial, fault) from None
    except Stop as stop:
        ignore()
        _clean(trial, "interrupted", started)
        raise Interrupted("; ".join((f"{stop}: the load has stopped", *trial.left))) from None
    _clean(trial, "done", started)
    _look(trial, trial.desk.clock() - started - trial.plan.warmup)
    return found


def _clean(trial: Trial, ending: str, started: float) -> None:
    """The load is over; what it wrote is taken out, or named."""
    trial.desk.progress.end("load", ending, trial.desk.clock() - started)
    if trial.plan.writes:
        trial.left = remove(trial.desk, trial.environment, trial.run)


def _loaded(trial: Trial, started: float) -> Measured:
    """The generator's run."""
    desk, plan, files = trial.desk, trial.plan, trial.files
    values, load = desk.values(trial.environment), desk.settings.load
    files.prepare(trial.run, plan.document(load, values.get(load.rest, "")))
    command = files.command(
        trial.environment.url.rstrip("/"),
        secrets(values, load),
        workers=plan.workers,
        port=plan.port,
        seconds=plan.warmup + plan.seconds + load.drain,
    )
    ended = run_polling(command, LOOK, lambda: _watch(trial, desk.clock() - started))
    document = files.read()
    try:
        return measured(document, trial.run)
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(
            f"`locust` ended with {ended.code} and left no result{error_tail(ended)}",
            f"look at `{files.folder / 'locust.log'}`",
            exit_code=ended.code,
        ) from None


def _watch(trial: Trial, spent: float) -> None:
    """Another commit in the middle ends it; now and then a word on how it goes."""
    _look(trial, spent - trial.plan.warmup)
    if len(trial.served) > 1:
        trial.files.stop.write_text("the app was redeployed in the middle")
    if spent - trial.spoken >= SPOKEN:
        trial.spoken = spent
        now = trial.files.read_progress()
        done, failed = now.get("requests", 0), now.get("failed", 0)
        trial.desk.progress.note(f"{now.get('users', 0)} users, {done} requests measured, {failed} failed")


def _look(trial: Trial, at: float) -> None:
    """Note the commit when it is another one; an address that does not answer under load says nothing."""
    commit = driver_of(trial.desk, trial.environment).live().commit
    if commit and (not trial.served or trial.served[-1] != commit):
        trial.served.append(commit)
        trial.markers.append((max(0.0, at), commit[:12]))


def facts_of(trial: Trial) -> Facts:
    """What the verdict rests on beside the figures."""
    load = trial.desk.settings.load
    return Facts(trial.plan, load.thresholds, load.endpoints, trial.expected, tuple(trial.served))


def _infrastructure(trial: Trial, fault: DeskError) -> DeskError:
    """The load test itself could not be done: that says nothing about the app."""
    fault.data = {
        "verdict": "infrastructure", "reasons": [fault.message], "endpoints": {}, "left": list(trial.left),
        "environment": trial.environment.name, "reports": str(trial.files.folder),
    }  # fmt: skip
    return fault


# What a load test needs and leaves: the secrets of its log-ins, and the rows that it wrote.


def secrets(values: Mapping[str, str], load: LoadSettings) -> dict[str, str]:
    """What the generator's processes get in their environment, where it is set."""
    names = {
        "LOAD_ACCOUNTS": "LOAD_ACCOUNTS",
        "LOAD_WHATSAPP_SECRET": "WHATSAPP_APP_SECRET",
        "LOAD_REST_KEY": load.rest_key,
    }
    return {theirs: values[ours] for theirs, ours in names.items() if values.get(ours)}


def remove(desk: Desk, environment: Environment, run: str) -> tuple[str, ...]:
    """Take out what the run wrote; what can't be taken out, and how to find it."""
    mark = f"everything that this run wrote has `load-{run}-` in its mail address or WhatsApp id"
    statements = [each.replace("{run}", run) for each in desk.settings.load.cleanup]
    try:
        postgres = postgres_of(desk, environment)
        if postgres is None or not statements:
            return (f"test data is left, there is nothing to remove it with: {mark}",)
        taken = sweep(postgres, statements)
    except DeskError as fault:
        return (f"test data is left ({fault.message.splitlines()[0]}): {mark}",)
    desk.progress.note(f"{taken} rows of test data removed")
    return ()


# Takes test data out of a database again.


def sweep(postgres: Postgres, statements: Sequence[str]) -> int:
    """Run the statements in one transaction; how many rows they took in all.

    Raises:
        Unreachable: no connection, or a statement was refused; then nothing was taken.
    """
    with postgres.session() as connection, connection.transaction():
        return sum(max(0, connection.execute(each.encode()).rowcount) for each in statements)
