"""GitHub is told what is live: once for each run, as it ended, and never at the cost of a release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.errors import ReleaseFailed, Unreachable
from scripts.quality import proofs
from scripts.quality.approve import approve
from scripts.quality.request import ApproveRequest
from scripts.release.commands import deploy, promote, rollback
from scripts.release.request import DeployRequest, PromoteRequest, RollbackRequest
from tests.fakes.github import github_of
from tests.fakes.world import Notes, World, ending
from tests.support.github_stand_in import StandIn


@pytest.fixture
def hub(world: World, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """GitHub, for a chain whose promotions go by push."""
    return github_of(world, monkeypatch)


def through_the_chain(world: World) -> None:
    """Release the head of develop everywhere."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))


def test_each_environment_has_deployments(world: World, hub: StandIn) -> None:
    """With their ending and address; the last one has a release with notes."""
    through_the_chain(world)
    commit = world.head("develop")

    assert [(each["environment"], each["sha"]) for each in hub.deployments] == [
        ("development", commit),
        ("staging", commit),
        ("production", commit),
    ]
    assert [each["production_environment"] for each in hub.deployments] == [False, False, True]
    status = hub.deployment_statuses[3][0]
    assert (status["state"], status["environment_url"]) == ("success", "https://example.org")
    assert status["description"] == "v1 is live (Ada)"
    assert [each["context"] for each in hub.statuses[commit]] == [
        f"release desk: {name}" for name in ("development", "staging", "production")
    ]
    assert [(each["tag_name"], each["target_commitish"]) for each in hub.releases] == [
        ("production-v1", commit)
    ]
    assert "20240101000000_first.sql" in hub.releases[0]["body"]


def test_a_rollback_and_a_failure_are_told(world: World, hub: StandIn) -> None:
    """A rollback is a deployment of the older commit, and no release; a failure is one that failed."""
    through_the_chain(world)
    first = world.head("develop")
    world.commit("develop", {"a": "1"}, "feature")
    through_the_chain(world)
    rollback(world.desk(), RollbackRequest(env="production", yes=True))
    assert (hub.deployments[-1]["sha"], hub.deployments[-1]["environment"]) == (first, "production")
    assert len(hub.releases) == 2

    bad = world.commit("develop", {"b": "2"}, "bad")
    world.drivers["development"].faults["publish"] = lambda: None  # it is asked for, and never arrives
    fault = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    assert isinstance(fault, ReleaseFailed)
    assert hub.deployments[-1]["sha"] == bad
    status = hub.deployment_statuses[len(hub.deployments)][0]
    assert status["state"] == "failure"
    assert "failed at verify" in status["description"]


def test_proofs_and_approvals_are_statuses_of_the_commit(world: World, hub: StandIn) -> None:
    """The newest decides."""
    through_the_chain(world)
    commit, staging = world.head("develop"), world.settings.environment("staging")
    proofs.prove(world.desk(), staging, "e2e", commit, level="full", passed=False, measured={})
    proofs.prove(world.desk(), staging, "unit", commit, level="unit", measured={})
    approve(world.desk("Grace"), ApproveRequest(env="staging"))
    approve(world.desk("Grace"), ApproveRequest(env="staging", withdraw=True))

    assert [(each["context"], each["state"]) for each in hub.statuses[commit]][3:] == [
        ("release desk: e2e full on staging", "failure"),
        ("release desk: unit on staging", "success"),
        ("release desk: approval on staging", "success"),
        ("release desk: approval on staging", "failure"),
    ]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ((403, {"message": "Resource not accessible"}, {}), "Resource not accessible"),
        ((403, {"message": "secondary rate limit"}, {"retry-after": "900"}), "rate limit"),
    ],
)
def test_a_fault_is_said_and_costs_nothing(world: World, hub: StandIn, fault: Any, says: str) -> None:
    """The release is done all the same."""
    hub.faults["POST /deployments"] = [fault] * 9
    notes = Notes()

    assert deploy(world.desk(progress=notes), DeployRequest(env="development")).ending == "done"
    said = [line for line in notes.lines if line.startswith("warning: GitHub (o/r) does not know of this")]
    assert len(said) == 1
    assert says in said[0]


def test_a_lost_answer_makes_no_second_deployment(world: World, hub: StandIn) -> None:
    """It is found by the id of the run."""

    def lose() -> None:
        raise Unreachable("the API at `127.0.0.1` gave no answer (timed out)")

    hub.after["POST /deployments"] = lose
    deploy(world.desk(), DeployRequest(env="development"))

    assert len(hub.deployments) == len(hub.deployment_statuses) == 1
    assert hub.deployments[0]["payload"]["run"] == world.last("development").run


def test_it_can_be_left(world: World, hub: StandIn) -> None:
    """By the configuration."""
    world.settings = replace(world.settings, github=world.settings.github._replace(tell=False))
    deploy(world.desk(), DeployRequest(env="development"))

    assert hub.deployments == []
