"""The shared state is read in one look, and the ledger is appended to by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.ledger import REF, Event, Ledger
from scripts.state.lock import lock_ref
from scripts.state.remote import (
    APPENDS,
    KnownLedger,
    append,
    known_ledger,
    locked,
    new_event,
    observe_remote,
    read_lock,
    record,
)
from scripts.state.rewritten import LedgerRewritten
from tests.fakes.git import FakeGit
from tests.fakes.world import World, ending


def staging(world: World) -> Environment:
    """The environment that these tests write about."""
    return world.settings.environment("staging")


def live(world: World, release: str = "v1") -> Event:
    """A release that is live on staging, as the ledger has it."""
    commit = world.remote.commit({"file": release})
    return record(world.desk(), "staging", "release", commit=commit, release=release)


def proof_of(world: World, run: str) -> Callable[[Ledger], Event]:
    """Makes the event of a run, whatever the ledger says."""

    def make(_ledger: Ledger) -> Event:
        return new_event(world.desk(), "staging", "proof", release="", commit="", run=run, detail={})

    return make


def moving_on(world: World, times: int) -> None:
    """So many pushes find that somebody else has appended just before them."""
    left = [times]

    def before_push(_updates: object) -> None:
        if left[0]:
            left[0] -= 1
            world.remote.before_push = lambda _: None
            record(world.desk("Bob"), "production", "approval")
            world.remote.before_push = before_push

    world.remote.before_push = before_push


# ------------------------------------------------------------------------------------------ reading


def test_refs_and_ledger_are_read_together(world: World) -> None:
    """Heads of branches by environment; a branch that is not there is None."""
    empty = observe_remote(world.desk())
    event = live(world)
    remote = observe_remote(world.desk())

    assert empty.ledger == Ledger(None, ())
    assert remote.ledger.live("staging") == event
    assert remote.head(world.settings.environment("development")) == world.head("develop")
    assert remote.head(staging(world)) is None


@pytest.mark.parametrize("fault", [CommandFailed("no route"), CommandTimedOut("no answer")])
def test_without_the_remote_what_the_clone_saw_last_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: DeskError
) -> None:
    """And a clone that has seen nothing knows nothing; both say so."""
    desk, stranger = world.desk(), world.desk("Bob")
    event = live(world)
    assert known_ledger(desk) == KnownLedger(observe_remote(desk).ledger, None, world.remote.refs)
    live(world, "v2")

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(FakeGit, "fetch", fail)
    known = known_ledger(desk)
    assert (known.ledger.events, known.doubt, known.refs) == ((event,), fault, {})
    assert known.warning.endswith(f"up to {event.at}, counts: {fault.message}")
    assert known_ledger(stranger).ledger == Ledger(None, ())
    assert known_ledger(stranger).warning.endswith(f"nothing of it is known here: {fault.message}")


def test_a_ledger_that_grew_is_read_anew(world: World) -> None:
    """Another person's event is seen by a clone that has looked before."""
    desk = world.desk()
    live(world)
    observe_remote(desk)
    record(world.desk("Bob"), "staging", "approval")

    assert [event.actor for event in observe_remote(desk).ledger.events] == ["Ada", "Bob"]


@pytest.mark.parametrize("rewritten", ["replaced", "deleted", "cut"])
def test_a_rewritten_ledger_is_refused(world: World, rewritten: str) -> None:
    """What this clone has seen must still be in it: the alarm stays until somebody decides."""
    desk = world.desk()
    live(world)
    first = world.remote.refs[REF]
    record(world.desk(), "staging", "approval")
    seen = world.remote.refs[REF]
    observe_remote(desk)
    if rewritten == "deleted":
        del world.remote.refs[REF]
    else:
        other = world.remote.commit({"event.json": "{}"})
        world.remote.refs[REF] = first if rewritten == "cut" else other
    error = ending(lambda: observe_remote(desk))

    assert isinstance(error, LedgerRewritten)
    assert f"the ledger was {'deleted' if rewritten == 'deleted' else 'rewritten'}" in error.message
    assert f"this clone has seen `{seen[:12]}` with 2 events" in error.message
    assert error.hint is not None
    assert "force" not in error.hint
    assert "`invoke ledger.accept --keep seen`" in error.hint
    assert type(ending(lambda: observe_remote(desk))) is LedgerRewritten, "it rings again"
    world.remote.refs[REF] = seen
    assert len(observe_remote(desk).ledger.events) == 2


def test_a_clone_that_never_looked_takes_the_ledger_as_it_is(world: World) -> None:
    """It has nothing to compare with."""
    live(world)
    world.remote.refs[REF] = world.remote.commit({"event.json": "{}"})

    assert observe_remote(world.desk()).ledger.doubts[0].why == "its `kind` is missing"


def test_a_lock_is_read_by_refs_that_were_just_read(world: World) -> None:
    """None when nobody holds it; else its content."""
    desk = world.desk()
    free = read_lock(desk, desk.git.ls_remote(), staging(world))
    content = new_lock(desk, "staging", "promote", world.head("develop"), reason="it is time")
    HeldLock(desk, content).acquire()

    assert free is None
    assert read_lock(desk, desk.git.ls_remote(), staging(world)) == content
    assert read_lock(desk, desk.git.ls_remote(), world.settings.environment("production")) is None


# ----------------------------------------------------------------------------------- who was quicker


def test_the_holder_of_a_lock_is_named(world: World) -> None:
    """With the step, and what to do about it."""
    bob = world.desk("Bob")
    HeldLock(bob, new_lock(bob, "staging", "promote", world.head("develop"))).acquire()
    error = locked(world.desk(), staging(world))

    assert (type(error), error.code) == (Locked, 5)
    assert error.message.startswith("staging is locked by Bob on `laptop` since 2030-01-01")
    assert "`invoke resume --env staging`" in str(error.hint)


def test_whoever_was_quicker_and_is_done_is_named_from_the_ledger(world: World) -> None:
    """The lock is free again: the last release says who it was."""
    live(world)

    assert locked(world.desk("Bob"), staging(world)).message == (
        "staging was locked by Ada (run 000000000001, v1) until a moment ago"
    )


def test_nobody_is_named_where_nothing_was_released(world: World) -> None:
    """A lock that came and went without an event."""
    assert locked(world.desk(), staging(world)).message == "staging was locked until a moment ago"


# ---------------------------------------------------------------------------------------- appending


@pytest.mark.parametrize("times", [0, 1, APPENDS - 1])
def test_an_event_is_appended_however_often_the_ledger_moves(world: World, times: int) -> None:
    """It follows what the others wrote, and is made anew on it."""
    moving_on(world, times)
    seen: list[int] = []

    def make(ledger: Ledger) -> Event:
        seen.append(len(ledger.events))
        return proof_of(world, "r1")(ledger)

    append(world.desk(), None, make)

    assert seen == list(range(times + 1))
    assert [event.kind for event in world.ledger.events] == [*["approval"] * times, "proof"]
    assert (world.clock.seconds > 0) == (times > 0)


def test_a_ledger_that_never_rests_ends_the_tries(world: World) -> None:
    """Code 3; the event is not written."""
    moving_on(world, APPENDS)
    error = ending(lambda: append(world.desk(), None, proof_of(world, "r1")))

    assert type(error) is CommandFailed
    assert "moves faster" in error.message
    assert world.ledger.of_run("r1", "proof", "staging") is None


def test_an_event_that_had_arrived_is_not_written_twice(world: World) -> None:
    """The answer to its push was lost, and somebody else has appended since."""

    def before_push(updates: tuple[Update, ...]) -> None:
        world.remote.before_push = lambda _: None
        world.remote.apply(updates)
        record(world.desk("Bob"), "staging", "approval")

    world.remote.before_push = before_push  # type: ignore[assignment]
    event = append(world.desk(), None, proof_of(world, "r1"))

    assert event.run == "r1"
    assert [each.kind for each in world.ledger.events] == ["proof", "approval"]


def test_other_refs_move_with_the_event(world: World) -> None:
    """In the same push."""
    ref, commit = "refs/heads/staging", world.head("develop")
    append(world.desk(), None, proof_of(world, "r1"), lambda: [Update(ref, None, commit)])

    assert world.head("staging") == commit
    assert {update.ref for update in world.remote.pushes[-1]} == {REF, ref}


def test_when_more_than_the_ledger_moved_the_caller_decides(world: World) -> None:
    """It gets the refs as they are, raises, and nothing was written."""
    ref, theirs = lock_ref("staging"), world.head("develop")
    world.remote.refs[ref] = theirs
    seen: list[dict[str, str]] = []

    def stale(fault: StaleError) -> None:
        seen.append(dict(fault.refs))
        raise Locked("not ours any more")

    error = ending(
        lambda: append(
            world.desk(), None, proof_of(world, "r1"), lambda: [Update(ref, "a" * 40, None)], stale
        )
    )

    assert type(error) is Locked
    assert [refs[ref] for refs in seen] == [theirs]
    assert REF not in world.remote.refs


def test_a_remote_that_refuses_is_no_race(world: World) -> None:
    """It is not asked again."""
    tries = []

    def before_push(updates: object) -> None:
        tries.append(updates)
        raise CommandFailed("`git push` to `origin` was refused: protected branch")

    world.remote.before_push = before_push
    error = ending(lambda: append(world.desk(), None, proof_of(world, "r1")))

    assert "protected branch" in error.message
    assert len(tries) == 1


# ------------------------------------------------------------------------------------ one other event


def test_an_event_is_about_what_is_live_unless_it_says_otherwise(world: World) -> None:
    """Commit and release come from the ledger, the run is a new one."""
    released = live(world)
    event = record(world.desk("Bob"), "staging", "freeze", until="2030-02-01T00:00:00+00:00")

    assert (event.commit, event.release, event.ending) == (released.commit, "v1", "done")
    assert (event.actor, event.at) == ("Bob", world.clock.now())
    assert event.run not in ("", released.run)
    assert event.detail == {"until": "2030-02-01T00:00:00+00:00"}
    assert world.last("staging") == event


def test_an_event_about_another_commit_names_no_release(world: World) -> None:
    """What is live there is another one; the live commit itself has its release."""
    released = live(world)
    other = world.head("develop")

    assert record(world.desk(), "staging", "proof", commit=other).release == ""
    assert record(world.desk(), "staging", "proof", commit=released.commit).release == "v1"


def test_what_is_given_is_what_is_written(world: World) -> None:
    """Commit, release, run and ending; an empty text is given, too."""
    live(world)
    event = record(
        world.desk(), "staging", "backup", "failed", commit="", release="v7", run="r7", what="drill"
    )

    assert (event.commit, event.release, event.run, event.ending) == ("", "v7", "r7", "failed")
    assert event.detail == {"what": "drill"}


def test_where_nothing_is_live_an_event_is_about_nothing(world: World) -> None:
    """Before the first release."""
    event = record(world.desk(), "staging", "freeze")

    assert (event.commit, event.release) == ("", "")


def test_a_tip_that_is_known_is_not_asked_for(world: World) -> None:
    """An old one costs one more try, and loses nothing."""
    live(world)
    old = world.remote.refs[REF]
    record(world.desk(), "staging", "approval")
    record(world.desk(), "staging", "release-hold", tip=old)

    assert [event.kind for event in world.ledger.events] == ["release", "approval", "release-hold"]


@pytest.mark.parametrize("actor", ["", "A" * 5000, "\u202eAda", "Ada\n::set-env"])
def test_whatever_a_person_is_called_the_event_can_be_read(world: World, actor: str) -> None:
    """An event that every desk skips would be a release that nobody knows of."""
    record(world.desk(actor), "staging", "approval")

    assert world.ledger.doubts == ()
    assert len(world.ledger.events) == 1
