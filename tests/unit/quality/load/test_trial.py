"""One load test on its way: what is looked at, when it stops, what it cleans up."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.config.load_settings import LoadSettings, Stage
from scripts.errors import CommandFailed, DeskError, Interrupted, Unreachable
from scripts.quality import leftovers
from scripts.quality.load import trial as load_trial
from scripts.quality.load.locust import LocustRun
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.trial import Trial, locust_secrets, remove_test_data, run_trial
from scripts.replit.live import Answer, Expected
from scripts.state.lease import Lease
from scripts.system.signals import Stop
from tests.fakes.world import Notes, World
from tests.unit.quality.load.runs import document

PLAN = LoadPlan("steady", "closed", 10, 1, (Stage(20),), writes=False)


@pytest.fixture
def trial(world: World, tmp_path: Path) -> Trial:
    """A load test of what is live on staging."""
    folder = tmp_path / "run"
    folder.mkdir()
    staging, head = world.settings.environment("staging"), world.head("staging")
    return Trial(world.desk(), staging, PLAN, head, world.ledger, LocustRun(folder), "r")


def generator(
    monkeypatch: pytest.MonkeyPatch, trial: Trial, during: Callable[[], None] = lambda: None, **more: Any
) -> None:
    """Replace Locust: it is watched once after `during`, and leaves a result."""

    def run(_command: object, _interval: float, watch: Callable[[], None]) -> SimpleNamespace:
        during()
        watch()
        if more.get("result", True):
            trial.locust.result.write_text(json.dumps(document()))
        return SimpleNamespace(code=more.get("code", 0), out="", err="boom", seconds=1.0)

    monkeypatch.setattr(load_trial, "run_polling", run)
    monkeypatch.setattr(load_trial, "error_tail", lambda ended: f": {ended.err}")


def test_a_run_that_lost_its_lease_stops(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another load test would be measured with it; that is a doubt, whatever was measured."""
    trial.lease = cast(Lease, SimpleNamespace(lost=False, is_held=lambda: False))
    generator(monkeypatch, trial, lambda: setattr(trial.lease, "lost", True))
    run_trial(trial)

    assert "another load test" in (trial.locust.folder / "stop").read_text()
    assert not trial.conditions.alone


def test_a_run_is_measured_and_its_commit_is_noted(
    trial: Trial, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Served before, during and after."""
    generator(monkeypatch, trial)
    measurements = run_trial(trial)

    assert measurements is not None
    assert measurements.total.count == 400
    assert (trial.served, trial.markers) == ([world.head("staging")], [])
    assert not (trial.locust.folder / "stop").exists()


def test_another_commit_gets_no_load(trial: Trial, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator is never started."""
    monkeypatch.setattr(load_trial, "run_polling", None)
    world.drivers["staging"].serve(Expected("b" * 40, "staging"))

    assert run_trial(trial) is None
    assert trial.commit == "b" * 40


def test_a_release_in_the_middle_stops_the_load(
    trial: Trial, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is in the stop file, and the time of the release in the markers."""

    def release() -> None:
        world.clock.sleep(5)
        world.drivers["staging"].serve(Expected("b" * 40, "staging"))

    generator(monkeypatch, trial, release)
    run_trial(trial)

    assert (trial.locust.folder / "stop").read_text() == "the app was redeployed in the middle"
    assert trial.markers == [(4.0, "bbbbbbbbbbbb is served")]


def test_a_target_that_does_not_answer_under_load_is_no_release(
    trial: Trial, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app may be too busy for the version stamp."""

    def silent() -> None:
        world.drivers["staging"].served = Answer(None, error="timed out")

    generator(monkeypatch, trial, silent)
    run_trial(trial)

    assert trial.served == [world.head("staging")]


def test_a_dead_target_is_infrastructure(
    trial: Trial, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three looks."""
    monkeypatch.setattr(load_trial, "run_polling", None)
    looks: list[int] = []

    def live() -> Answer:
        looks.append(1)
        return Answer(None, error="can't connect")

    world.drivers["staging"].faults["live"] = live
    with pytest.raises(CommandFailed, match="does not say which commit it serves") as failed:
        run_trial(trial)

    assert len(looks) == load_trial.LOOKS
    assert (failed.value.data["verdict"], failed.value.data["endpoints"]) == ("infrastructure", {})


def test_a_generator_without_a_result_is_infrastructure(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its last words, and where its log is."""
    generator(monkeypatch, trial, result=False, code=2)
    with pytest.raises(CommandFailed, match="`locust` ended with 2 and left no result: boom") as failed:
        run_trial(trial)

    assert failed.value.hint == f"look at `{trial.locust.folder / 'locust.log'}`"
    assert failed.value.data["verdict"] == "infrastructure"


def test_an_interrupted_run_says_what_it_left(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load has stopped; rows may remain."""

    def stop(*_: object) -> None:
        raise Stop("interrupted by SIGTERM")

    trial.plan = LoadPlan("steady", "closed", 10, 1, (Stage(20),), writes=True)
    monkeypatch.setattr(load_trial, "run_polling", stop)
    monkeypatch.setattr(load_trial, "ignore", lambda: None)
    monkeypatch.setattr(load_trial, "remove_test_data", lambda *_: (("rows are left",), None))

    with pytest.raises(Interrupted, match="interrupted by SIGTERM: the load has stopped; rows are left"):
        run_trial(trial)


def test_people_see_how_it_goes(trial: Trial, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of the whole, and the figures of the last seconds."""
    written = {"at": 11.5, "users": 5, "requests": 100, "failed": 1, "rate": 9.87, "p95": 212.4}
    (trial.locust.folder / "progress.json").write_text(json.dumps(written))
    generator(monkeypatch, trial)
    run_trial(trial)
    notes = trial.desk.progress
    assert isinstance(notes, Notes)

    assert notes.reached == [(11.5, 21, "9.87/s, p95 212 ms, 1 failed, 5 users")]


class Rows:
    """A database in which every statement takes two rows."""

    def __init__(self, fault: DeskError | None = None) -> None:
        self.statements: list[str] = []
        self._fault = fault

    @contextmanager
    def session(self) -> Any:
        if self._fault:
            raise self._fault
        yield self

    @contextmanager
    def transaction(self) -> Any:
        yield

    def execute(self, statement: bytes) -> SimpleNamespace:
        self.statements.append(statement.decode())
        return SimpleNamespace(rowcount=2)


def test_test_data_is_removed_by_the_id_of_the_run(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """All statements in one transaction."""
    rows = Rows()
    monkeypatch.setattr(leftovers, "postgres_of", lambda *_: rows)

    assert remove_test_data(trial.desk, trial.environment, "r77")[0] == ()
    assert len(rows.statements) == 2
    assert all("load-r77-%" in statement for statement in rows.statements)


@pytest.mark.parametrize(
    ("database", "reason"),
    [
        (None, "there is nothing to remove it with"),
        (Rows(Unreachable("the database can't be reached\nmore")), "(the database can't be reached)"),
    ],
)
def test_what_can_t_be_removed_is_named(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, database: Rows | None, reason: str
) -> None:
    """With the mark by which people find it."""
    monkeypatch.setattr(leftovers, "postgres_of", lambda *_: database)
    (left,), _ = remove_test_data(trial.desk, trial.environment, "r77")

    assert reason in left
    assert "`load-r77-`" in left
    assert "more" not in left


def test_the_generator_gets_only_the_secrets_that_are_set() -> None:
    """Under the names that it knows."""
    values = {"VITE_SUPABASE_ANON_KEY": "k", "WHATSAPP_APP_SECRET": "s", "DATABASE_URL": "d"}

    assert locust_secrets(values, LoadSettings()) == {"LOAD_REST_KEY": "k", "LOAD_WHATSAPP_SECRET": "s"}
