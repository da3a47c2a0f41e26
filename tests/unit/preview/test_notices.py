"""The pull request gets one comment, and the chat a line; what fails there is never fatal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.errors import Unreachable
from scripts.github.client import Github
from scripts.notify import deliver
from scripts.notify.chat import slack
from scripts.preview import notices
from scripts.preview.commands import down
from scripts.preview.request import PreviewDownRequest, PreviewSweepRequest
from scripts.preview.sweep import sweep
from scripts.system.secret import Secret
from tests.fakes.github import FakeRepository
from tests.fakes.previews import Previews
from tests.support.github_stand_in import API, TOKEN, StandIn


@pytest.fixture
def github(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """GitHub, with an open pull request of `feature/x`."""
    world = previews.world
    stand_in = StandIn(FakeRepository(world.remote), now=world.clock.now)

    def hub_for(desk: Desk, *_: object) -> Github:
        return Github(
            "o/r", Secret(TOKEN), API, sleep=desk.sleep, clock=desk.clock, exchange=stand_in.exchange
        )

    monkeypatch.setattr(notices, "hub_for", hub_for)
    monkeypatch.setattr("scripts.preview.sweep.hub_for", hub_for)
    stand_in.answer(
        "POST", "/repos/o/r/pulls", {"title": "x", "head": "feature/x", "base": "develop", "body": ""}
    )
    return stand_in


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the chat is told."""
    found: list[Any] = []
    monkeypatch.setattr(deliver, "send", lambda _desk, make: found.append(make()))
    return found


def bodies(github: StandIn) -> list[str]:
    """The comments on the pull request."""
    return [each["body"] for each in github.comments.get(1, [])]


def test_one_comment_is_written_and_changed(previews: Previews, github: StandIn, told: list[Any]) -> None:
    """Up, another commit, gone."""
    previews.up()
    (first,) = bodies(github)
    assert first.startswith(f"{notices.MARK}\n**Preview** of `feature/x`")
    assert "https://one.example.org" in first
    assert previews.leases["one"].pull == 1

    commit = previews.feature(text="2")
    previews.up()
    (second,) = bodies(github)
    assert f"`{commit[:12]}`" in second

    down(previews.world.desk(), PreviewDownRequest(branch="feature/x", reason="*enough* @all"))
    (third,) = bodies(github)
    assert "has ended: \\*enough\\* @\u200ball." in third
    assert [each.title for each in told] == [
        *["preview of `feature/x` is up"] * 2,
        "preview of `feature/x` has ended",
    ]
    assert all(each.environment == "development" for each in told)
    assert "feature/x" in json.dumps(slack(told[0]))


def test_a_comment_of_somebody_else_is_left_alone(
    previews: Previews, github: StandIn, told: list[Any]
) -> None:
    """A mark that was copied: GitHub refuses the change, and a new comment is written."""
    github.comments[1] = [{"id": 77, "body": f"{notices.MARK}\nmine", "user": {"login": "eve"}}]
    github.faults["PATCH /issues/comments/77"] = [(403, {"message": "Forbidden"}, {})]
    previews.up()

    assert bodies(github)[0] == f"{notices.MARK}\nmine"
    assert bodies(github)[1].startswith(f"{notices.MARK}\n**Preview**")
    assert told


@pytest.mark.parametrize(("state", "reason"), [("merged", "merged"), ("closed", "closed")])
def test_a_pull_request_that_is_over_ends_its_preview(
    previews: Previews, github: StandIn, told: list[Any], state: str, reason: str
) -> None:
    """Squashed, so that git alone could not tell; or closed."""
    previews.up()
    if state == "merged":
        github.press_merge(method="squash")
    else:
        github.pulls[0]["state"] = "closed"
    outcome = sweep(previews.world.desk("Eve"), PreviewSweepRequest())

    assert [each["reason"] for each in outcome.data["ended"]] == [f"its pull request is {reason}"]
    assert previews.leases == {}
    assert len(told) == 2


def test_an_earlier_pull_request_of_the_name_says_nothing(
    previews: Previews, github: StandIn, told: list[Any]
) -> None:
    """It was closed before the branch was begun anew."""
    github.pulls[0]["state"] = "closed"
    previews.feature(text="anew")
    previews.up()

    assert previews.leases["one"].pull == 0
    assert sweep(previews.world.desk("Eve"), PreviewSweepRequest()).ending == "nothing"
    assert told


def test_github_is_away(previews: Previews, monkeypatch: pytest.MonkeyPatch, told: list[Any]) -> None:
    """The preview is up all the same; a sweep ends nothing for want of an answer."""

    def away(*_: object) -> Github:
        raise Unreachable("GitHub answers 502")

    monkeypatch.setattr(notices, "hub_for", away)
    monkeypatch.setattr("scripts.preview.sweep.hub_for", away)

    assert previews.up().ending == "done"
    assert previews.leases["one"].pull == 0
    assert sweep(previews.world.desk("Eve"), PreviewSweepRequest()).ending == "nothing"
    assert told
