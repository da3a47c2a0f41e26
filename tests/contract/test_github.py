"""What the desk asks of GitHub, and what its stand-in answers, is as their OpenAPI document has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.github import comments, pulls
from scripts.github.branch_rules import is_signed
from scripts.github.client import Answer
from scripts.quality.proofs import prove
from scripts.release.commands import deploy, promote
from scripts.release.request import DeployRequest, PromoteRequest
from scripts.setup.protect import protect
from scripts.setup.request import ProtectRequest
from tests.fakes.github import github_of
from tests.fakes.world import World, build_world
from tests.support.github_openapi import NEEDED, contract
from tests.support.github_stand_in import StandIn
from tests.unit.release.test_pull_request import CHECK, REVIEW

pytestmark = NEEDED


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One commit is live on development and staging; promotions go by pull request."""
    made = build_world(tmp_path, monkeypatch)
    made.commit("develop", {"file": "1"}, "first")
    deploy(made.desk(), DeployRequest(env="development"))
    promote(made.desk(), PromoteRequest(to="staging"))
    made.settings = replace(made.settings, app=made.settings.app._replace(land="pull-request"))
    return made


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is not as the document says, of each request and answer of the test."""
    found: list[str] = []
    ask = StandIn.exchange

    def exchange(hub: StandIn, url: str, *more: Any, method: str = "", **named: Any) -> Answer:
        answer = ask(hub, url, *more, method=method, **named)
        sends = more[3] if len(more) > 3 else None
        path = url.partition("://")[2].partition("/")[2]
        found.extend(contract().faults(method, f"/{path}", sends, answer[0], answer[1]))
        return answer

    monkeypatch.setattr(StandIn, "exchange", exchange)
    return found


@pytest.fixture
def hub(world: World, faults: list[str], monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """GitHub, which asks for a check and a review."""
    made = github_of(world, monkeypatch)
    made.protect("staging", CHECK, REVIEW)
    return made


def test_a_promotion_by_pull_request(world: World, hub: StandIn, faults: list[str]) -> None:
    """Opened, waited for, merged by GitHub."""
    commit = world.commit("develop", {"file": "2"}, "second")
    deploy(world.desk(), DeployRequest(env="development"))
    hub.check("ci", commit)
    pulls.find_or_open(hub.hub, "develop", "staging", "ours", "our words")
    hub.faults["GET /pulls/1/reviews"] = [lambda: hub.review("grace")]
    promote(world.desk(), PromoteRequest(to="staging"))

    assert is_signed(hub.hub, commit)
    assert pulls.read(hub.hub, 1).state == "merged"
    assert faults == []
    assert {"POST /pulls", "PATCH /pulls/1", "PUT /pulls/1/merge"} <= set(hub.asked)


def test_rulesets(world: World, hub: StandIn, faults: list[str]) -> None:
    """Created, changed, read."""
    protect(world.desk(), ProtectRequest(yes=True))
    hub.rulesets[2]["rules"] = hub.rulesets[2]["rules"][1:]
    protect(world.desk(), ProtectRequest(yes=True))

    assert "\n".join(faults) == ""
    assert {"POST /rulesets", "PUT /rulesets/2"} <= set(hub.asked)


def test_deployments_statuses_and_releases(world: World, hub: StandIn, faults: list[str]) -> None:
    """What is live, a proof, and the release of the last environment."""
    world.settings = replace(world.settings, app=world.settings.app._replace(land="push"))
    world.remote.refs["refs/heads/main"] = world.head("staging")
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    prove(world.desk(), world.settings.environments["staging"], "e2e", world.head("staging"), measured={})

    assert "\n".join(faults) == ""
    assert [len(each) for each in (hub.deployments, hub.deployment_statuses[1], hub.releases)] == [1, 1, 1]
    assert len(hub.statuses[world.head("main")]) == 2


def test_the_comment_of_a_preview(hub: StandIn, world: World, faults: list[str]) -> None:
    """Written, left as it is, changed."""
    world.commit("develop", {"file": "2"}, "second")
    pulls.find_or_open(hub.hub, "develop", "staging", "ours", "our words")
    for text in ("up", "up", "gone"):
        comments.say(hub.hub, 1, "<!-- a preview -->", text)

    assert "\n".join(faults) == ""
    assert [each["body"] for each in hub.comments[1]] == ["<!-- a preview -->\ngone"]
    assert sum(each.startswith("PATCH /issues/comments/") for each in hub.asked) == 1


def test_the_document_finds_what_is_wrong() -> None:
    """An unknown operation, key, parameter or status; a key of another type; a key that is missing."""
    wrong = [
        ("GET", "/repos/o/r/nothing", None, 200, {}),
        ("POST", "/repos/o/r/pulls", {"head": "a", "base": 3, "colour": "red"}, 201, {"number": 1}),
        ("POST", "/repos/o/r/releases", {"name": "a"}, 201, {"id": 1}),
        ("GET", "/repos/o/r/pulls?state=gone&colour=red", None, 200, []),
        ("GET", "/repos/o/r/pulls/1", None, 200, {"number": "1", "colour": "red"}),
        ("GET", "/repos/o/r/pulls/1", None, 418, {}),
    ]
    found = [sorted(contract().faults(*each)) for each in wrong]

    assert [len(each) for each in found] == [1, 2, 1, 2, 2, 1]
    assert "there is no such operation" in found[0][0]
    assert "'tag_name' is a required property" in found[2][0]
