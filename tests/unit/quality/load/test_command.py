"""`load-test`: which commit is expected, what becomes a proof, what a run is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.load_settings import Limits, LoadSettings, Profile, Stage
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, ConfigError, Declined, Refused
from scripts.quality.load import command, locust
from scripts.quality.load.result import Measurements
from scripts.quality.load.running import running
from scripts.quality.load.trial import Trial
from scripts.quality.request import LoadRequest
from tests.fakes.world import World
from tests.unit.quality.load.runs import report, run

LOAD = LoadSettings(
    profiles={"steady": Profile(users=10, warmup=1, stages=(Stage(20),))},
    thresholds=Limits(p95=800),
)
Play = Callable[..., list[Trial]]


@pytest.fixture
def play(world: World, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Have the trial measure this; gives the trials that are run."""
    world.settings = replace(world.settings, load=LOAD)
    monkeypatch.setattr(locust, "lacks_locust", lambda: False)
    monkeypatch.setattr(locust, "machine", lambda: "a machine")

    def playing(*measured: Measurements | None, served: str | None = None) -> list[Trial]:
        trials: list[Trial] = []

        def run_trial(trial: Trial) -> Measurements | None:
            trials.append(trial)
            world.clock.sleep(60)  # report folders are named by the time
            trial.served.append(served or trial.expected)
            trial.locust.result.write_text("{}")
            return measured[min(len(trials), len(measured)) - 1]

        monkeypatch.setattr(command, "run_trial", run_trial)
        return trials

    return playing


def loaded(world: World, **request: Any) -> Outcome:
    """What `load-test --env staging --profile steady` gives."""
    asked = LoadRequest(**{"env": "staging", "profile": "steady", **request})
    return command.load_test(world.desk("Quinn"), asked)


def test_a_pass_is_a_proof_with_what_later_runs_are_compared_with(world: World, play: Play) -> None:
    """Expected was what is live; all reports are there."""
    (trials, outcome) = play(run()), loaded(world)
    (proof,) = world.ledger.proofs("staging", "load")

    assert (outcome.ending, outcome.code, outcome.data["verdict"]) == ("done", 0, "passed")
    assert trials[0].expected == outcome.data["commit"] == proof.commit == world.head("staging")
    assert (proof.ending, proof.detail["level"], proof.detail["verdict"]) == ("done", "steady", "passed")
    assert proof.detail["alike"]["machine"] == "a machine"
    assert proof.detail["load"]["endpoints"]["home"]["n"] == 400
    names = {file.name for file in Path(outcome.data["reports"]).iterdir()}
    assert names == {"report.html", "junit.xml", "summary.md", "result.json"}


def test_a_slower_run_of_the_same_kind_is_a_regression(world: World, play: Play) -> None:
    """Compared with passed ones, not with a failed one; a second run has confirmed it."""
    play(run(report(ms=100)))
    loaded(world)
    trials = play(run(report(ms=200)))
    slower = loaded(world)

    assert len(trials) == 2

    assert (slower.code, slower.data["verdict"]) == (1, "failed")
    assert "regression of `home`" in slower.message
    assert [proof.ending for proof in world.ledger.proofs("staging", "load")] == ["done", "failed"]
    again = loaded(world)
    assert [row["before"] for row in again.data["baseline"]] == [100.0, 100.0]


def test_a_regression_that_a_second_run_does_not_show_is_none(world: World, play: Play) -> None:
    """It was the machine; the proof is the second run's."""
    play(run(report(ms=100)))
    loaded(world)
    play(run(report(ms=200)), run(report(ms=101)))

    assert loaded(world).data["verdict"] == "passed"
    assert [proof.ending for proof in world.ledger.proofs("staging", "load")] == ["done", "done"]


def test_a_slowdown_that_creeps_in_is_found(world: World, play: Play) -> None:
    """+7 % each time: against the last run every step is within the noise."""
    verdicts = []
    for step in range(6):
        play(run(report(ms=100 * 1.07**step)))
        verdicts.append(loaded(world).data["verdict"])

    assert verdicts[:3] == ["passed"] * 3
    assert set(verdicts[3:]) == {"failed"}


def test_a_doubtful_run_revokes_an_earlier_pass(world: World, play: Play) -> None:
    """Of the same commit: what passed once may have been luck."""
    play(run())
    loaded(world)
    play(run(report(lag={"200000": 40})))

    assert loaded(world).code == 8
    assert [
        (proof.ending, proof.detail["verdict"]) for proof in world.ledger.proofs("staging", "load")
    ] == [
        ("done", "passed"),
        ("failed", "inconclusive"),
    ]


@pytest.mark.parametrize("change", [{"users": 9}, {"processes": 2}])
def test_a_run_of_another_kind_is_not_compared(world: World, play: Play, change: dict[str, int]) -> None:
    """Another load, or another number of processes."""
    play(run(report(ms=100)))
    loaded(world)
    play(run(report(ms=200)))

    assert loaded(world, **change).data["baseline"] == []


def test_a_changed_profile_proves_only_itself(world: World, play: Play) -> None:
    """It meets no gate."""
    play(run())
    loaded(world, users=10)

    assert [proof.detail["level"] for proof in world.ledger.proofs("staging", "load")] == [
        "steady (changed)"
    ]


@pytest.mark.parametrize("measured", [None, run(complete=False)])
def test_a_doubtful_run_proves_nothing_and_ends_with_8(
    world: World, play: Play, measured: Measurements | None
) -> None:
    """Another commit was served, or the run broke off."""
    play(measured, served="b" * 40)
    outcome = loaded(world)

    assert (outcome.ending, outcome.code, outcome.data["verdict"]) == ("unknown", 8, "inconclusive")
    assert "is served, where" in outcome.message
    assert world.ledger.proofs("staging", "load") == ()


def test_a_named_commit_is_expected(world: World, play: Play) -> None:
    """Instead of the newest release."""
    other = world.commit("develop")
    trials = play(run(), served=other)
    loaded(world, commit=other)

    assert [trial.expected for trial in trials] == [other]


def test_where_nothing_was_released_the_head_of_the_branch_is_expected(world: World, play: Play) -> None:
    """And on an environment without a branch nobody knows one."""
    trials = play(run(), served="c" * 40)
    loaded(world, env="development")
    assert trials[0].expected == world.head("develop")


def test_the_last_environment_without_customers_is_the_default(world: World, play: Play) -> None:
    """Staging."""
    play(run())
    assert loaded(world, env="").data["environment"] == "staging"


def test_production_needs_the_typed_name(world: World, play: Play) -> None:
    """`--yes` is its place in CI."""
    trials = play(run(), served="c" * 40)
    with pytest.raises(Declined):
        loaded(world, env="production")
    assert trials == []
    loaded(world, env="production", yes=True)

    assert len(trials) == 1


def test_a_load_test_that_could_not_fail_is_refused(world: World, play: Play) -> None:
    """Without thresholds, a pass means nothing."""
    trials = play(run())
    world.settings = replace(world.settings, load=LOAD._replace(thresholds=Limits()))
    with pytest.raises(Refused, match="there is no threshold"):
        loaded(world)

    assert trials == []


def test_missing_tools_and_variables_are_named_before_the_load(
    world: World, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what sets it right."""
    play(run())
    world.settings = replace(world.settings, load=LOAD._replace(mix={"inbox": 1}))
    with pytest.raises(ConfigError, match="`LOAD_ACCOUNTS` of staging"):
        loaded(world)
    monkeypatch.setattr(locust, "lacks_locust", lambda: True)
    with pytest.raises(Refused, match="`locust` is not installed"):
        loaded(world)


@pytest.mark.parametrize("code", [0, 4])
def test_a_worker_ends_as_its_process_does(
    world: World, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """It makes requests to its own environment only, and needs no plan."""
    calls: list[Any] = []

    def attempt(call: Any) -> SimpleNamespace:
        calls.append(call)
        return SimpleNamespace(code=code, seconds=1.0, out="", err="")

    monkeypatch.setattr(command, "attempt", attempt)
    monkeypatch.setattr(command, "error_tail", lambda _: "")
    if code:
        with pytest.raises(CommandFailed, match="the worker ended with 4"):
            loaded(world, master="m1:6000")
    else:
        assert loaded(world, master="m1:6000").message == "worked for m1:6000; the verdict is there"
    assert dict(calls[0].env)["LOAD_ONLY"] == "https://staging.example.org"


def test_the_rows_of_a_killed_run_are_removed_first(
    world: World, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be removed is told, and tried again by the next one."""
    removed: list[str] = []
    with running(world.desk("Quinn"), world.settings.environment("staging"), world.head("staging")) as runs:
        runs.begin("r1")
    answers = iter([(("test data is left (away)",), None), ((), 3)])

    def remove(_desk: object, _where: object, name: str) -> tuple[tuple[str, ...], int | None]:
        removed.append(name)
        return next(answers)

    monkeypatch.setattr(command, "remove_test_data", remove)
    play(run())
    for _ in range(3):
        loaded(world)

    assert removed == ["r1", "r1"]
