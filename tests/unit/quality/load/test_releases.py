"""What was released while a load test ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.load_settings import Stage
from scripts.errors import Unreachable
from scripts.quality.load import releases
from scripts.quality.load.locust import LocustRun
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.releases import releases_meanwhile
from scripts.quality.load.trial import Trial
from scripts.release.commands import deploy
from scripts.release.request import DeployRequest
from tests.fakes.world import World

PLAN = LoadPlan("steady", "open", 10, 5, (Stage(60),), writes=False)


@pytest.fixture
def trial(world: World, tmp_path: Path) -> Trial:
    """A load test of development that begins now."""
    development = world.settings.environment("development")
    made = Trial(world.desk(), development, PLAN, None, world.ledger, LocustRun(tmp_path), "r")
    made.began = world.desk().now()
    return made


def test_a_release_of_that_time_is_a_marker(trial: Trial, world: World) -> None:
    """With its number and who made it, beside what was seen at the address, in order."""
    trial.markers = [(55.0, "b" * 12 + " is served")]
    world.clock.sleep(20)
    assert deploy(world.desk("Ann"), DeployRequest(env="development")).code == 0
    event = world.ledger.events[-1]

    first, second = releases_meanwhile(trial)

    assert first[1] == f"{event.release} release by Ann"
    assert 15 <= first[0] < 55
    assert second == (55.0, "b" * 12 + " is served")


@pytest.mark.parametrize("what", ["earlier", "later", "elsewhere"])
def test_other_releases_are_none(trial: Trial, world: World, what: str) -> None:
    """Before the run, after it, or of another environment."""
    world.clock.sleep({"earlier": 0, "later": 200, "elsewhere": 20}[what])
    deploy(world.desk("Ann"), DeployRequest(env="development"))
    if what == "earlier":
        world.clock.sleep(60)
        trial.began = world.desk().now()
    if what == "elsewhere":
        trial.environment = world.settings.environment("staging")

    assert releases_meanwhile(trial) == []


def test_a_ledger_that_can_t_be_read_costs_no_report(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is over, and what it measured must be written down."""

    def away(_desk: object) -> None:
        raise Unreachable("the remote can't be reached")

    monkeypatch.setattr(releases, "observe_remote", away)
    trial.markers = [(3.0, "b" * 12 + " is served")]

    assert releases_meanwhile(trial) == [(3.0, "b" * 12 + " is served")]
