"""Who goes on with a watch window: exactly one, and exactly one rollback, whoever is killed or wakes up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Declined, Interrupted, LiveUnknown, Locked
from scripts.monitor import commands, window_end
from scripts.monitor.checks import Check, Look
from scripts.monitor.probes import Round
from scripts.monitor.request import MonitorWatchRequest
from scripts.monitor.takeover import Windows, find, resumed
from scripts.release.commands import rollback
from scripts.release.request import ResumeRequest, RollbackRequest
from scripts.release.resume import resume
from scripts.state.ledger import Event
from scripts.state.lock import lock_ref
from scripts.state.watch import FILE, WATCHES, HeldWatch, read_watch, verdict_of, watch_ref, windows
from scripts.system.signals import Stop
from tests.fakes.world import build_world
from tests.support.posts import Webhook, webhook
from tests.unit.monitor.apps import App
from tests.unit.monitor.watches import titles

WATCH = {"minutes": 2, "on_breach": "rollback"}
MINUTE = 60.0


class Killed(BaseException):
    """The process ends here, without any of its cleaning up."""


@pytest.fixture
def chat() -> Iterator[Webhook]:
    """Where notices go."""
    with webhook() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat: Webhook) -> App:
    """v1 is live in production, and passed; the next commit stands on staging."""
    world = build_world(tmp_path, monkeypatch, environment__production__watch=WATCH)
    made = App(world, {"SLACK_WEBHOOK_URL": chat.url.reveal()})
    assert made.release("one")().code == 0
    made.release("two")
    return made


def nobody_waits(app: App) -> None:
    """The releases of production end at once."""
    environments: Any = app.world.settings.environments
    production = environments["production"]
    environments["production"] = production._replace(watch=production.watch._replace(wait=False))


def somewhere(app: App, name: str = "monitor") -> Windows:
    """A `monitor.watch` on another machine."""
    desk = app.world.desk(name, values=app.desk().values)
    return Windows(desk, [app.world.settings.environments["production"]], app.probe)


def passes(app: App, watch: Windows, minutes: int) -> None:
    """What a `monitor.watch` does between its passes."""
    for _ in range(minutes):
        watch.find(watch.desk.git.ls_remote())
        watch.pause(app.world.clock() + MINUTE)


def verdicts(app: App) -> list[tuple[str, str]]:
    """By release, in the order of the ledger."""
    proofs = app.world.ledger.proofs("production", "watch")
    return [(each.release, str(each.detail.get("verdict"))) for each in proofs]


def rollbacks(app: App) -> list[Event]:
    """Of production."""
    events = app.world.ledger.events
    return [each for each in events if (each.environment, each.kind) == ("production", "rollback")]


def killed_while_it_looks(app: App, patch: pytest.MonkeyPatch, looks: int = 90) -> None:
    """The release of the commit on staging dies in its window."""
    real, left = app.probe, [looks]

    def probe(made: Round, check: Check) -> Look:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return real(made, check)

    with patch.context() as dying:
        dying.setattr(app, "probe", probe)
        with pytest.raises(Killed):
            app.watch()


def finish(app: App, **changes: Any) -> Outcome:
    """`invoke resume` on another machine."""
    desk = app.world.desk("Bob", **{"values": app.desk().values, **changes})
    return resumed(resume, app.probe)(desk, ResumeRequest(env="production", yes=True))


def test_a_release_that_does_not_wait_is_watched_by_the_monitor(app: App) -> None:
    """From its next pass on, for the whole time; the verdict is in the ledger, and nothing is left."""
    nobody_waits(app)
    outcome = app.watch()
    assert (outcome.code, "watch" in outcome.data) == (0, False)
    assert "a `monitor.watch` looks at it for 2 min" in outcome.message
    assert len(windows(app.world.remote.refs, "production")) == 1

    passes(app, somewhere(app), 3)
    assert verdicts(app) == [("v1", "passed"), ("v2", "passed")]
    assert app.world.is_clean()


def test_what_the_monitor_finds_worse_it_takes_back(app: App, chat: Webhook) -> None:
    """Once, though it looks on."""
    nobody_waits(app)
    good = app.world.head("main")
    app.watch()
    app.fails[app.world.head("main")] = 4
    watch = somewhere(app)
    passes(app, watch, 10)

    assert [each.detail["left"] for each in rollbacks(app)] == ["v2"]
    assert app.world.drivers["production"].served.commit == good
    assert verdicts(app) == [("v1", "passed"), ("v2", "failed")]
    assert app.world.is_clean()
    assert "it was taken back" in "\n".join(watch.desk.progress.lines)  # type: ignore[attr-defined]


def test_passes_that_take_too_long_do_not_hold_it_up(app: App) -> None:
    """The next one would begin at once; the window is looked at in between all the same."""
    nobody_waits(app)
    app.watch()
    watch = somewhere(app)
    for _ in range(40):
        watch.find(watch.desk.git.ls_remote())
        app.world.clock.seconds += 5
        watch.pause(app.world.clock() - 1)

    assert verdicts(app)[-1] == ("v2", "passed")


def test_two_monitors_do_it_once(app: App) -> None:
    """Whoever is later finds it taken."""
    nobody_waits(app)
    app.watch()
    app.fails[app.world.head("main")] = 4
    first, second = somewhere(app, "one"), somewhere(app, "two")
    refs = first.desk.git.ls_remote()
    first.find(refs)
    second.find(refs)
    assert (len(first.open), len(second.open)) == (1, 0)
    for _ in range(4):
        passes(app, first, 1)
        passes(app, second, 1)

    assert len(rollbacks(app)) == 1
    assert verdicts(app) == [("v1", "passed"), ("v2", "failed")]


def test_both_at_the_same_moment(app: App) -> None:
    """Compare-and-swap decides."""
    nobody_waits(app)
    app.watch()
    environment = app.world.settings.environments["production"]
    seen = find(app.world.desk("one"), environment)
    assert seen is not None
    HeldWatch.take(app.world.desk("one"), seen.id, seen.watch)

    with pytest.raises(Locked, match="somebody else watches"):
        HeldWatch.take(app.world.desk("two"), seen.id, seen.watch)


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
        if any(each.ref == "refs/heads/main" for each in updates):
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
    told = [title for title in titles(chat) if "what was to take it back has died" in title]
    assert len(told) == (when == "before")
    assert app.world.is_clean()


def test_a_newer_release_is_left_alone(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window of the one before ends without a verdict."""
    killed_while_it_looks(app, monkeypatch)
    promoted = app.release("three")
    app.fails[app.world.head("main")] = 1
    assert promoted().code == 0
    passes(app, somewhere(app), 12)

    assert rollbacks(app) == []
    assert verdicts(app) == [("v1", "passed"), ("v2", "inconclusive"), ("v3", "passed")]
    assert app.world.is_clean()


def test_a_window_whose_release_the_ledger_does_not_know_is_left_alone(app: App) -> None:
    """Refs and ledger may be seen at two moments."""
    ref = f"{WATCHES}production/{'e' * 12}"
    app.world.remote.refs[ref] = app.world.head("main")
    passes(app, somewhere(app), 3)

    assert ref in app.world.remote.refs


@pytest.mark.parametrize(
    "more",
    [{"at": "yesterday"}, {"run": "another"}, {"ttl": float("nan")}, {"ttl": -1}, {"actor": "\x1b[2J"}],
)
def test_what_somebody_else_wrote_there_does_no_harm(app: App, more: dict[str, Any]) -> None:
    """It is no window, or one whose owner is waited for as long as for any."""
    nobody_waits(app)
    app.watch()
    watch = somewhere(app)
    ((run, at),) = windows(app.world.remote.refs, "production").items()
    known = {**watch.desk.git.document(at, FILE).document, "owner": "x"}
    app.world.remote.refs[watch_ref("production", run)] = watch.desk.git.commit_json(
        FILE, {**known, **more}, "x", None
    )
    passes(app, watch, 2)
    assert watch.open == []
    seen = read_watch(watch.desk, "production", run)
    assert seen is None or (seen[1].patience, seen[1].actor.isprintable()) == (600, True)


def test_nothing_is_taken_over_while_a_run_is_at_work(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is live may be another thing in a moment."""
    nobody_waits(app)
    app.watch()
    app.world.remote.refs[lock_ref("production")] = app.world.head("main")
    watch = somewhere(app)
    watch.find(watch.desk.git.ls_remote())
    assert watch.open == []
    del app.world.remote.refs[lock_ref("production")]
    passes(app, watch, 3)

    assert verdicts(app)[-1] == ("v2", "passed")


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


def test_a_rollback_has_no_window(app: App) -> None:
    """And is never taken back itself."""
    assert app.watch().code == 0
    desk: Desk = app.desk()
    assert rollback(desk, RollbackRequest(env="production", yes=True, reason="x")).code == 0

    assert app.world.is_clean()
    live = app.world.ledger.live("production")
    assert live is not None
    assert verdict_of(app.world.ledger, "production", live.run) is None


def test_a_network_that_is_away_ends_no_release(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is live; its window is open for somebody else."""

    def dies(updates: Any) -> None:
        if any(each.ref.startswith(WATCHES) and each.old for each in updates):
            raise CommandFailed("no network")

    app.world.remote.before_push = dies
    outcome = app.watch()
    app.world.remote.before_push = lambda _: None

    assert (outcome.code, outcome.data["live"]) == (8, app.world.head("main"))
    assert "its watch could not be held: no network" in outcome.message
    assert finish(app).data["watch"]["verdict"] == "passed"
