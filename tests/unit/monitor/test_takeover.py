"""Who goes on with a watch window that its release leaves: exactly one, and once."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Locked
from scripts.monitor import window, window_end
from scripts.monitor.takeover import find, resumed
from scripts.release.commands import rollback
from scripts.release.request import ResumeRequest, RollbackRequest
from scripts.state.lock import lock_ref
from scripts.state.watch import FILE, WATCHES, HeldWatch, read_watch, verdict_of, watch_ref, windows
from tests.support.posts import Webhook
from tests.unit.monitor.apps import (
    MINUTE,
    App,
    finish,
    killed_while_it_looks,
    nobody_waits,
    passes,
    rollbacks,
    somewhere,
    verdicts,
)
from tests.unit.monitor.watches import titles


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
    assert "its watch can't be held: no network" in outcome.message
    assert finish(app).data["watch"]["verdict"] == "passed"


def test_a_rollback_that_fails_is_no_doubt_of_the_watch(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is what the release ends with; the window stays for somebody who tells of it."""
    app.fails[app.world.head("staging")] = 4

    def fails(*_: object) -> None:
        raise CommandFailed("the rollback failed")

    monkeypatch.setattr(window_end, "_take_back", fails)
    with pytest.raises(CommandFailed, match="the rollback failed"):
        app.watch()
    assert len(windows(app.world.remote.refs, "production")) == 1


def test_what_was_no_release_is_not_said_to_be_watched(app: App) -> None:
    """A `resume` that settles something else, where releases do not wait for their window."""
    nobody_waits(app)
    desk = app.desk()
    outcome = resumed(lambda *_: Outcome.done("settled", run="x"), app.probe)(
        desk, ResumeRequest(env="production")
    )

    assert outcome.message == "settled"


@pytest.mark.parametrize("what", ["ledger", "lock"])
def test_a_doubt_that_nobody_waits_for_is_told(
    app: App, chat: Webhook, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Unless it is only that somebody has begun another run."""
    nobody_waits(app)
    app.watch()
    watch = somewhere(app)
    watch.find(watch.desk.git.ls_remote())
    with monkeypatch.context() as patch:
        if what == "lock":
            app.world.remote.refs[lock_ref("production")] = app.world.head("main")
        else:

            def lost(_desk: object) -> None:
                raise CommandFailed("no network")

            patch.setattr(window, "observe_remote", lost)
        watch.pause(app.world.clock() + MINUTE)

    assert verdicts(app)[-1] == ("v2", "inconclusive")
    told = [title for title in titles(chat) if "the watch of v2 is inconclusive" in title]
    assert len(told) == (what == "ledger")
