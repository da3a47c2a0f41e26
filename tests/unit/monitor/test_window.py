"""The watch window after a release: what is worse is taken back, what is only slower is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.errors import Unreachable
from scripts.monitor import window, window_end
from scripts.monitor.after_release import watched
from scripts.release.commands import deploy, promote
from scripts.release.facts import Facts
from scripts.release.hotfix import hotfix
from scripts.release.observe import observe
from scripts.release.request import DeployRequest, HotfixRequest, PromoteRequest, RollbackRequest
from scripts.state.remote import observe_remote, record
from tests.fakes.world import build_world
from tests.support.posts import Webhook
from tests.unit.monitor.apps import App
from tests.unit.monitor.watches import titles

WATCH = {"minutes": 2, "on_breach": "rollback"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat: Webhook) -> App:
    """v1 is live in production, and has passed its window."""
    world = build_world(tmp_path, monkeypatch, environment__production__watch=WATCH)
    made = App(world, {"SLACK_WEBHOOK_URL": chat.url.reveal()})
    outcome = made.release("one")()
    assert outcome.data["watch"]["verdict"] == "passed"
    assert "v1 passed its watch: 960 requests, 0.0% failed, p95 100 ms" in outcome.message
    return made


def test_a_release_that_is_worse_is_taken_back(app: App, chat: Webhook) -> None:
    """Within a minute of its end; the one before is live again, and the ledger says why."""
    good = app.world.head("main")
    promoted = app.release("two")
    app.fails[app.world.head("staging")] = 4
    before = app.world.clock.seconds
    outcome = promoted()

    assert outcome.code == 1
    assert outcome.data["watch"]["verdict"] == "failed"
    assert (
        "v2 fails more often than its watch allows: 25.0% of 120 requests failed, 0.0% with v1"
        in outcome.message
    )
    assert "it was taken back" in outcome.message
    assert app.world.drivers["production"].served.commit == good == outcome.data["live"]
    assert app.world.clock.seconds - before < 60
    assert app.world.last("production").detail["reason"].startswith("watch window: 25.0%")
    assert app.world.is_clean()


def test_a_release_that_came_meanwhile_is_not_taken_back(
    app: App, chat: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch was stopped after its verdict, and woke up when somebody had released."""

    def later(desk: Desk, request: RollbackRequest) -> Facts:
        seen = observe(desk, request)
        *others, last = seen.ledger.events
        events = (*others, replace(last, kind="release", run="somebody-else", ending="done"))
        return replace(seen, ledger=replace(seen.ledger, events=events))

    monkeypatch.setattr(window_end, "observe", later)
    promoted = app.release("two")
    app.fails[app.world.head("staging")] = 4
    outcome = promoted()

    assert outcome.code == 1
    assert "it can't be taken back: v2 is live no longer" in outcome.message
    assert app.world.drivers["production"].served.commit == app.world.head("main")
    assert app.world.is_clean()


def test_a_release_that_is_only_slower_is_told(app: App, chat: Webhook) -> None:
    """It stays."""
    promoted = app.release("two")
    app.takes[app.world.head("staging")] = 0.5
    outcome = promoted()

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (0, "passed")
    assert outcome.data["live"] == app.world.head("main")
    assert "slower: p95 500 ms, 100 ms with v1" in outcome.message
    assert any("v2 is slower" in title for title in titles(chat))


def test_a_breach_may_only_be_told(app: App, chat: Webhook) -> None:
    """By the setting; the release stays, and the task fails."""
    environments = dict(app.world.settings.environments)
    production = environments["production"]
    alerting = production._replace(watch=production.watch._replace(on_breach="alert"))
    app.world.settings.environments["production"] = alerting  # type: ignore[index]
    promoted = app.release("two")
    app.fails[app.world.head("staging")] = 1
    outcome = promoted()

    assert (outcome.code, outcome.hint) == (1, "`invoke rollback --env production`")
    assert app.world.drivers["production"].served.commit == app.world.head("main")
    assert any("v2 fails more often than its watch allows" in title for title in titles(chat))


@pytest.mark.parametrize("what", ["ledger", "release", "lock"])
def test_what_can_not_be_judged_is_inconclusive(
    app: App, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The ledger is gone, or something else has begun: nothing is taken back."""
    promoted = app.release("two")
    commit = app.world.head("staging")
    app.fails[commit] = 2
    real, asked = observe_remote, []

    def observe(desk: Any) -> Any:
        asked.append(1)
        if len(asked) == 2 and what == "ledger":
            raise Unreachable("the remote does not answer")
        if len(asked) == 2 and what == "release":
            record(desk, "production", "release", commit=commit, release="v9", run="f" * 12)
        if len(asked) == 2 and what == "lock":
            app.world.remote.refs["refs/deploy/lock/production"] = commit
        return real(desk)

    monkeypatch.setattr(window, "observe_remote", observe)
    outcome = promoted()

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (8, "inconclusive")
    assert app.world.drivers["production"].served.commit == commit
    assert outcome.data["release"] == "v2"


def test_without_minutes_nothing_is_watched(app: App) -> None:
    """Nor after a plan."""
    asked = app.asked
    app.release("two")
    plan = watched(promote, app.probe)(app.desk(), PromoteRequest(to="production", yes=True, plan=True))
    watched(deploy, app.probe)(app.desk(), DeployRequest(env="development"))

    assert plan.data["steps"]
    assert app.asked == asked


def test_a_hotfix_is_watched_too(app: App) -> None:
    """It skips the gates, and is in the more need of it."""
    app.world.remote.refs["refs/heads/hotfix/login"] = app.world.remote.commit(
        {"file": "fixed"}, app.world.head("main"), subject="fixed"
    )
    app.fails[app.world.head("hotfix/login")] = 1
    request = HotfixRequest(branch="hotfix/login", yes=True)
    outcome = watched(hotfix, app.probe)(app.desk(), request)

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (1, "failed")
