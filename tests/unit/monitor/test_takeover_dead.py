"""Windows whose process was killed, stopped or cancelled: somebody finishes them, with one rollback."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.errors import CommandFailed, Declined, Interrupted, LiveUnknown, Locked
from scripts.monitor import commands, window_end
from scripts.monitor.checks import Check, Look
from scripts.monitor.probes import Round
from scripts.monitor.request import MonitorWatchRequest
from scripts.monitor.takeover import Windows, find, resumed
from scripts.release.request import ResumeRequest
from scripts.release.resume import resume
from scripts.state.watch import HeldWatch, read_watch, windows
from scripts.system.signals import Stop
from tests.support.posts import Webhook
from tests.unit.monitor.apps import (
    App,
    Killed,
    finish,
    killed_while_it_looks,
    nobody_waits,
    passes,
    rollbacks,
    somewhere,
    verdicts,
)
from tests.unit.monitor.watches import titles


def test_a_window_whose_process_was_killed_is_finished(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a monitor, once the signs of life have stopped for long enough; for what is left of its time."""
    killed_while_it_looks(app, monkeypatch)
    watch = somewhere(app)
    (run,) = windows(app.world.remote.refs, "production")
    known = read_watch(watch.desk, "production", run)
    assert known is not None
    watch.find(watch.desk.git.ls_remote())
    assert watch.open == []
    app.world.clock.seconds += known[1].patience - 1
    watch.find(watch.desk.git.ls_remote())
    assert watch.open == []
    app.world.clock.seconds += 1
    asked = app.asked
    passes(app, watch, 3)

    assert verdicts(app) == [("v1", "passed"), ("v2", "passed")]
    assert 400 <= app.asked - asked < 960  # a minute at least, and not the whole two
    assert app.world.is_clean()


def test_resume_finishes_the_window_of_a_killed_release(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worse release is taken back then."""
    killed_while_it_looks(app, monkeypatch)
    app.fails[app.world.head("main")] = 4
    outcome = finish(app)

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (1, "failed")
    assert "it was taken back" in outcome.message
    assert len(rollbacks(app)) == 1
    assert finish(app).ending == "nothing"
    assert app.world.is_clean()


def test_resume_watches_what_it_has_finished(app: App) -> None:
    """The run died before its end; who finishes it watches it."""

    def dies(updates: Any) -> None:
        if any(each.ref == "refs/heads/main" and each.new != each.old for each in updates):
            raise CommandFailed("no network")

    app.world.remote.before_push = dies
    with pytest.raises(LiveUnknown):
        app.watch()
    app.world.remote.before_push = lambda _: None
    outcome = finish(app)

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (0, "passed")
    assert app.world.is_clean()


def test_resume_leaves_an_owner_alone_who_is_alive(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign of life comes while it waits."""
    killed_while_it_looks(app, monkeypatch)
    environment = app.world.settings.environments["production"]
    seen = find(app.desk(), environment)
    assert seen is not None

    def sleep(seconds: float) -> None:
        app.world.clock.sleep(seconds)
        HeldWatch(app.desk(), seen.watch, seen.id).beat()

    with pytest.raises(Locked, match="is alive, and watches"):
        finish(app, sleep=sleep)


def test_resume_asks_before_it_may_change_production(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """As before every other change of it."""
    killed_while_it_looks(app, monkeypatch)
    desk = app.world.desk("Bob")

    with pytest.raises(Declined):
        resumed(resume, app.probe)(desk, ResumeRequest(env="production"))
    assert len(windows(app.world.remote.refs, "production")) == 1


def test_an_owner_who_wakes_up_late_does_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was stopped in the middle of a look, and the window was taken over meanwhile."""
    real, there = app.probe, list[Windows]()
    app.fails[app.world.head("staging")] = 4

    def probe(made: Round, check: Check) -> Look:
        if app.asked == stopped and not there:
            there.append(somewhere(app))
            there[0].find(there[0].desk.git.ls_remote())
            app.world.clock.seconds += 600
            with monkeypatch.context() as other:
                other.setattr(there[0], "probe", real)
                passes(app, there[0], 3)
        return real(made, check)

    stopped = app.asked + 1
    monkeypatch.setattr(app, "probe", probe)
    outcome = app.watch()

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (8, "inconclusive")
    assert [each.detail["left"] for each in rollbacks(app)] == ["v2"]
    assert verdicts(app) == [("v1", "passed"), ("v2", "failed")]
    assert app.world.is_clean()


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_dies_while_it_takes_back_is_not_followed(
    app: App, monkeypatch: pytest.MonkeyPatch, chat: Webhook, when: str
) -> None:
    """There is one automatic rollback for a release: the next one only says what is to be done."""
    app.fails[app.world.head("staging")] = 4
    real = window_end._take_back

    def dies(*arguments: Any) -> Any:
        if when == "after":
            real(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(window_end, "_take_back", dies)
        with pytest.raises(Killed):
            app.watch()
    passes(app, somewhere(app), 12)

    assert len(rollbacks(app)) == (when == "after")
    assert verdicts(app) == [("v1", "passed"), ("v2", "failed")]
    told = [title for title in titles(chat) if "the run that was to take it back has died" in title]
    assert len(told) == (when == "before")
    assert app.world.is_clean()


def test_a_signal_hands_the_window_back(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI was cancelled: a monitor goes on at its next pass, without waiting."""
    real, left = app.desk, [3]

    def sleep(seconds: float) -> None:
        app.world.clock.sleep(seconds)
        left[0] -= seconds == WINDOW
        if not left[0]:
            raise Stop("interrupted by SIGTERM")

    WINDOW = app.world.settings.environments["production"].watch.interval  # noqa: N806
    with monkeypatch.context() as patch:
        patch.setattr(app, "desk", lambda: replace(real(), sleep=sleep))
        with pytest.raises(Interrupted, match="its watch was interrupted by SIGTERM") as caught:
            app.watch()
    assert (
        caught.value.hint == "`invoke resume --env production` goes on with it, as does a `monitor.watch`"
    )
    watch = somewhere(app)
    watch.find(watch.desk.git.ls_remote())
    assert len(watch.open) == 1
    passes(app, watch, 3)

    assert verdicts(app)[-1] == ("v2", "passed")
    assert app.world.is_clean()


def test_a_watch_that_is_stopped_hands_its_window_on(app: App) -> None:
    """Such as by systemd for an update: the next one needs no patience."""
    nobody_waits(app)
    app.watch()
    left = [8]

    def sleep(seconds: float) -> None:
        app.world.clock.sleep(seconds)
        left[0] -= 1
        if not left[0]:
            raise Stop("interrupted by SIGTERM")

    desk = app.world.desk("monitor", values=app.desk().values, sleep=sleep)
    assert commands.watch(desk, MonitorWatchRequest(env="production"), app.probe).code == 0
    assert verdicts(app) == [("v1", "passed")]
    (run,) = windows(app.world.remote.refs, "production")
    seen = read_watch(desk, "production", run)
    assert seen is not None
    assert (seen[1].owner, seen[1].patience) == ("", 0.0)
    passes(app, somewhere(app, "next"), 3)

    assert verdicts(app)[-1] == ("v2", "passed")
