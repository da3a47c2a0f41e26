"""`drill`: a release that is broken on purpose is caught, taken back and announced; or the drill failed."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.errors import CommandFailed, LiveUnknown, Locked, Refused, TakenBack
from scripts.notify import deliver, events
from scripts.release import drill as drilling
from scripts.release.commands import deploy, promote
from scripts.release.drill import drill
from scripts.release.freeze import freeze
from scripts.release.request import DeployRequest, DrillRequest, FreezeRequest, PromoteRequest
from scripts.replit.live import Answer
from scripts.state.lock import LOCK_FILE, lock_ref
from tests.fakes.driver import FakeDriver
from tests.fakes.world import World, build_world, ending

ASKED = DrillRequest(env="development")


@pytest.fixture
def world(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """`index.html` is broken by drills; v1 is live on development."""
    made = build_world(tmp_path, monkeypatch, drill__file="index.html", drill__text="BROKEN")
    made.commit("develop", {"index.html": "<h1>hello</h1>"})
    deploy(made.desk(), DeployRequest(env="development"))
    return made


@pytest.fixture
def driver(world: World) -> FakeDriver:
    """What is published answers 500 when its page is broken."""
    made = world.drivers["development"]

    def publish() -> None:
        assert made.workspace is not None
        broken = world.remote.commits[made.workspace.commit].files["index.html"] == "BROKEN"
        made.serve(made.workspace, pages=(("/", 500 if broken else 200),))

    made.faults["publish"] = publish
    return made


def test_a_broken_release_is_caught_and_taken_back(world: World, driver: FakeDriver) -> None:
    """The dated proof is in the ledger; the branch never saw the broken commit."""
    good = world.head("develop")
    outcome = drill(world.desk(), ASKED)
    attempt, proof = world.ledger.events[-2:]

    assert (outcome.ending, outcome.code) == ("done", 0)
    assert "the drill passed on development" in outcome.message
    assert outcome.data["back"] == good == driver.served.commit
    assert "`/` gives 500" in outcome.data["caught"]
    assert (attempt.kind, attempt.ending, attempt.release) == ("drill", "failed", "")
    assert (proof.kind, proof.detail["what"], proof.commit) == ("proof", "drill", good)
    assert proof.run == attempt.run
    assert world.head("develop") == good
    assert world.is_clean()


def test_a_drill_is_no_release(world: World, driver: FakeDriver) -> None:
    """The next one has the next number, and what is live is what was live."""
    drill(world.desk(), ASKED)

    assert world.ledger.next_release("development") == "v2"
    assert world.ledger.last("development") == world.ledger.live("development")


def test_a_proof_lets_releases_into_what_demands_it(world: World, driver: FakeDriver) -> None:
    """`drill_days` of the environment after."""
    staging = world.settings.environments["staging"]._replace(drill_days=7)
    world.settings.environments["staging"] = staging  # type: ignore[index]
    refused = ending(lambda: promote(world.desk(), PromoteRequest(to="staging")))
    drill(world.desk(), ASKED)

    assert "demands a drill on development" in refused.message
    assert promote(world.desk(), PromoteRequest(to="staging")).code == 0


# -------------------------------------------------------------------------------------------- refusals


def test_a_guarded_environment_is_not_drilled(world: World) -> None:
    """Customers are there."""
    error = ending(lambda: drill(world.desk(), DrillRequest(env="production")))

    assert type(error) is Refused
    assert "guarded" in error.message
    assert "invoke drill --env development" in str(error.hint)


def test_where_a_person_publishes_there_is_no_drill(world: World, driver: FakeDriver) -> None:
    driver.unattended = False

    assert "without a person" in ending(lambda: drill(world.desk(), ASKED)).message


@pytest.mark.parametrize("case", ["never released", "another commit", "silent"])
def test_a_drill_starts_from_a_proven_release(world: World, driver: FakeDriver, case: str) -> None:
    """Else it could not tell what it broke."""
    asked = DrillRequest(env="staging") if case == "never released" else ASKED
    if case == "another commit":
        driver.serve(driver.workspace, commit="f" * 40)
    if case == "silent":
        driver.faults["live"] = lambda: Answer(None, error="timed out")
    error = ending(lambda: drill(world.desk(), asked))

    assert type(error) is Refused
    assert "is not at a proven release" in error.message
    assert f"invoke deploy --env {asked.env}" in str(error.hint)


def test_the_desk_must_know_how_to_break_the_app(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`[drill]` says it."""
    world = build_world(tmp_path, monkeypatch)
    world.commit("develop", {"index.html": "x"})
    deploy(world.desk(), DeployRequest(env="development"))
    error = ending(lambda: drill(world.desk(), ASKED))

    assert type(error) is Refused
    assert "`[drill]` in `pipeline.toml`" in str(error.hint)


def test_what_stops_a_release_stops_a_drill(world: World, driver: FakeDriver) -> None:
    """A freeze, for one."""
    freeze(world.desk(), FreezeRequest(env="development", until="2030-02-01", reason="the fair"))

    assert "is frozen" in ending(lambda: drill(world.desk(), ASKED)).message
    assert driver.calls.count("publish") == 1


# ----------------------------------------------------------------------------------- drills that fail


def test_a_broken_release_that_passes_is_a_failed_drill(world: World) -> None:
    """It is taken back all the same, and there is no proof."""
    good = world.head("develop")
    error = ending(lambda: drill(world.desk(), ASKED))

    assert isinstance(error, TakenBack)
    assert error.code == 1
    assert "the drill FAILED: development took a broken commit for a good release" in error.message
    assert world.drivers["development"].served.commit == good
    assert world.ledger.proof("development", "drill") is None
    assert world.is_clean()


def test_notices_that_were_not_delivered_are_a_failed_drill(
    world: World, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would have learned of it; there is no proof."""
    monkeypatch.setattr(drilling, "undelivered", lambda *_: 2)
    outcome = drill(world.desk(), ASKED)

    assert (outcome.ending, outcome.code) == ("failed", 1)
    assert "2 notices were not delivered" in outcome.message
    assert outcome.data["undelivered"] == 2
    assert world.ledger.proof("development", "drill") is None


def test_a_way_back_that_fails_is_no_drill_any_more(world: World, driver: FakeDriver) -> None:
    """What is live is unknown: code 7."""
    publish = driver.faults["publish"]

    def only_once() -> None:
        publish()
        driver.faults["publish"] = lambda: None

    driver.faults["publish"] = only_once
    error = ending(lambda: drill(world.desk(), ASKED))

    assert type(error) is LiveUnknown
    assert world.ledger.proof("development", "drill") is None


def test_a_fault_of_the_network_is_neither(world: World, driver: FakeDriver) -> None:
    """The drill says nothing of the app."""

    def build(*_: object) -> None:
        raise CommandFailed("git failed in the workspace")

    driver.faults["build"] = build

    assert type(ending(lambda: drill(world.desk(), ASKED))) is CommandFailed
    assert world.ledger.proof("development", "drill") is None
    assert world.is_clean()


def test_a_drill_whose_lock_is_taken_over_proves_nothing(world: World, driver: FakeDriver) -> None:
    """It changes nothing more."""

    def build(*_: object) -> None:
        world.remote.refs[lock_ref("development")] = world.remote.commit({LOCK_FILE: "{}"})

    driver.faults["build"] = build

    assert type(ending(lambda: drill(world.desk(), ASKED))) is Locked
    assert driver.calls.count("publish") == 1


def test_the_end_of_a_drill_is_told(
    world: World, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it passed or not."""
    told: list[bool] = []
    real = events.of_drill

    def of_drill(*arguments: Any, **more: Any) -> Any:
        told.append(more["passed"])
        return real(*arguments, **more)

    monkeypatch.setattr(events, "of_drill", of_drill)
    monkeypatch.setattr(deliver, "send", lambda _desk, make, **_: make())
    drill(world.desk(), ASKED)

    assert told == [True]
