"""A run that releases nothing: it holds the environment, writes one event, and frees the lock with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.config.settings import Environment
from scripts.errors import CommandFailed, DeskError, Interrupted, LiveUnknown, Locked, Refused, Unreachable
from scripts.state.ledger import REF
from scripts.state.lock import LOCK_FILE, lock_ref
from scripts.state.operation import LockedOperation, locked_operation
from scripts.state.remote import APPENDS, record
from scripts.system.signals import Stop
from tests.fakes.world import World, ending

LOCK = lock_ref("development")


@pytest.fixture
def development(world: World) -> Environment:
    """An environment with a branch; nothing was released there."""
    return world.settings.environment("development")


def operated(
    world: World,
    work: Callable[[LockedOperation], object],
    name: str = "development",
    *,
    actor: str = "Ada",
) -> None:
    """Work under a lock, as `db.restore` does."""
    environment = world.settings.environment(name)
    with locked_operation(world.desk(actor), environment, "db.restore", about="b1", reason="why") as run:
        work(run)


def ledger_refuses(world: World, fault: DeskError) -> None:
    """No push that writes the ledger arrives; others do."""

    def before_push(updates: object) -> None:
        if REF in {update.ref for update in updates}:  # type: ignore[attr-defined]
            raise fault

    world.remote.before_push = before_push


def steal(world: World) -> str:
    """Another run moves the lock; gives its commit."""
    world.remote.refs[LOCK] = world.remote.commit({LOCK_FILE: "{}"}, subject="theirs")
    return world.remote.refs[LOCK]


# --------------------------------------------------------------------------------------- the good way


def test_one_push_writes_the_event_and_frees_the_lock(world: World) -> None:
    """The event is about what is live, and holds the steps, the URL, and what the work says."""
    released = record(world.desk(), "development", "release", commit=world.head("develop"), release="v1")

    def work(run: LockedOperation) -> None:
        held = world.lock("development")
        assert held is not None
        assert (held.task, held.release, held.reason) == ("db.restore", "b1", "why")
        with run.step("restore"):
            world.clock.sleep(3)
        run.finish("restore", "done", backup="b1")

    operated(world, work)
    event, push = world.last("development"), {update.ref for update in world.remote.pushes[-1]}

    assert (event.kind, event.ending, event.release, event.commit) == (
        "restore",
        "done",
        "v1",
        released.commit,
    )
    assert event.detail["backup"] == "b1"
    assert event.detail["url"] == "https://dev.example.org"
    assert event.detail["steps"] == [{"name": "restore", "seconds": 3, "ending": "done"}]
    assert push == {REF, LOCK, f"refs/deploy/candidate/development/{event.run}"}
    assert world.is_clean()


def test_without_a_release_it_is_about_the_head(world: World) -> None:
    """The lock needs a commit; the event names no release."""
    operated(world, lambda run: run.finish("restore", "done"))

    assert (world.last("development").commit, world.last("development").release) == (
        world.head("develop"),
        "",
    )


def test_without_a_branch_there_is_nothing_to_hold(world: World) -> None:
    """Refused before the lock."""
    error = ending(lambda: operated(world, lambda _: None, "staging"))

    assert (type(error), error.message) == (Refused, "the remote has no branch `staging`")
    assert world.is_clean()


def test_the_kind_of_its_events_is_that_of_its_task(world: World) -> None:
    """`restore` for `db.restore`."""
    kinds: list[str] = []
    operated(world, lambda run: kinds.append(run.kind) or run.finish(run.kind, "done"))  # type: ignore[func-returns-value]

    assert kinds == ["restore"]


def test_an_environment_that_is_held_is_locked(world: World) -> None:
    """The second run meets the first, and its holder is named."""
    seen: list[DeskError] = []

    def work(run: LockedOperation) -> None:
        seen.append(ending(lambda: operated(world, lambda _: None, actor="Bob")))
        run.finish("restore", "done")

    operated(world, work)

    assert (type(seen[0]), seen[0].code) == (Locked, 5)
    assert "locked by Ada" in seen[0].message
    assert world.last("development").ending == "done"


def test_others_may_write_the_ledger_at_the_same_time(world: World) -> None:
    """Only the lock must be its own."""

    def work(run: LockedOperation) -> None:
        record(world.desk("Bob"), "staging", "approval")
        run.finish("restore", "done")

    operated(world, work)

    assert [event.kind for event in world.ledger.events] == ["approval", "restore"]
    assert world.is_clean()


# -------------------------------------------------------------------------------------------- failures


def test_a_lost_lock_writes_nothing(world: World) -> None:
    """Whoever holds it now keeps it."""
    theirs = []

    def work(run: LockedOperation) -> None:
        theirs.append(steal(world))
        run.finish("restore", "done")

    error = ending(lambda: operated(world, work))

    assert (type(error), error.code) == (Locked, 5)
    assert "is no longer held by this run" in error.message
    assert world.remote.refs[LOCK] == theirs[0]
    assert world.ledger.events == ()


@pytest.mark.parametrize("why", ["refused", "unreachable", "busy"])
def test_what_is_done_and_can_not_be_written_is_unknown(world: World, why: str) -> None:
    """Code 7: the lock stays for `resume`, which asks the server."""

    def work(run: LockedOperation) -> None:
        if why == "busy":
            moving_for_ever(world)
        else:
            fault = CommandFailed("protected branch") if why == "refused" else Unreachable("no answer")
            ledger_refuses(world, fault)
        run.finish("restore", "done")

    error = ending(lambda: operated(world, work))

    assert isinstance(error, LiveUnknown)
    assert (error.code, error.resumable) == (7, True)
    assert "the restore is done, and could not be written down" in error.message
    assert "`invoke resume --env development`" in str(error.hint)
    lock = world.lock("development")
    assert lock is not None
    assert world.ledger.of_run(lock.run, "restore", "development") is None


def moving_for_ever(world: World) -> None:
    """Somebody else appends just before each push."""
    left = [APPENDS]

    def before_push(_updates: object) -> None:
        if left[0]:
            left[0] -= 1
            world.remote.before_push = lambda _: None
            record(world.desk("Bob"), "staging", "approval")
            world.remote.before_push = before_push

    world.remote.before_push = before_push


def test_an_attempt_that_can_not_be_written_is_a_plain_failure(world: World) -> None:
    """Nothing was done, so nothing is unknown; the lock is freed without the event."""

    def work(run: LockedOperation) -> None:
        ledger_refuses(world, CommandFailed("protected branch"))
        run.finish("restore", "error")

    error = ending(lambda: operated(world, work))

    assert (type(error), error.message) == (CommandFailed, "protected branch")
    assert world.is_clean()


def test_a_failed_step_is_recorded_with_its_reason(world: World) -> None:
    """And the lock is free again."""

    def work(run: LockedOperation) -> None:
        with run.step("hold"):
            pass
        with run.step("restore"):
            raise CommandFailed("pg_restore failed\nwith many words")

    error = ending(lambda: operated(world, work))
    event = world.last("development")

    assert type(error) is CommandFailed
    assert (event.kind, event.ending) == ("restore", "error")
    assert (event.detail["at_step"], event.detail["reason"]) == ("restore", "pg_restore failed")
    assert [step["ending"] for step in event.detail["steps"]] == ["done", "failed"]
    assert world.is_clean()


def test_an_interruption_is_recorded_too(world: World) -> None:
    """By its signal; the caller still sees the signal."""

    def work(run: LockedOperation) -> None:
        with run.step("restore"):
            raise Stop("interrupted by SIGTERM")

    with pytest.raises(Stop):
        operated(world, work)

    assert world.last("development").detail["reason"] == "interrupted by SIGTERM"
    assert world.is_clean()


@pytest.mark.parametrize("fault", [Refused("the backup is of another app"), ZeroDivisionError("a bug")])
def test_before_the_first_step_only_the_lock_is_freed(world: World, fault: Exception) -> None:
    """Nothing was tried, so nothing is recorded."""

    def work(_run: LockedOperation) -> None:
        raise fault

    with pytest.raises(type(fault)):
        operated(world, work)

    assert world.ledger.events == ()
    assert world.is_clean()


def test_a_bug_frees_the_lock_without_an_event(world: World) -> None:
    """A traceback is for us, not for the ledger."""

    def work(run: LockedOperation) -> None:
        with run.step("restore"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        operated(world, work)

    assert world.ledger.events == ()
    assert world.is_clean()


def test_a_step_that_finds_the_lock_lost_leaves_it_to_its_holder(world: World) -> None:
    """No event, and the other's lock stands."""
    theirs = []

    def work(run: LockedOperation) -> None:
        with run.step("hold"):
            theirs.append(steal(world))
        with run.step("restore"):
            raise AssertionError("not reached")

    error = ending(lambda: operated(world, work))

    assert (type(error), error.message) == (
        Locked,
        "the lock of development was taken over from this run",
    )
    assert world.remote.refs[LOCK] == theirs[0]
    assert world.ledger.events == ()


def test_what_is_unknown_keeps_the_lock(world: World) -> None:
    """Nobody may begin before somebody has looked."""

    def work(run: LockedOperation) -> None:
        with run.step("switch"):
            raise LiveUnknown("nobody knows whether the commit arrived", resumable=True)

    error = ending(lambda: operated(world, work))

    assert type(error) is LiveUnknown
    assert world.lock("development") is not None
    assert world.ledger.events == ()


def test_abandoning_survives_a_remote_that_is_away(world: World) -> None:
    """The first error is reported, and the lock is left to `resume`."""

    def away(_updates: object) -> None:
        raise Unreachable("no answer")

    def work(run: LockedOperation) -> None:
        with run.step("restore"):
            world.remote.before_push = away
            raise CommandFailed("pg_restore failed")

    assert ending(lambda: operated(world, work)).message == "pg_restore failed"
    assert world.lock("development") is not None


def test_an_interruption_of_the_last_push_is_an_interruption(world: World) -> None:
    """`Interrupted` is not taken for a refusal of the remote."""

    def work(run: LockedOperation) -> None:
        ledger_refuses(world, Interrupted("interrupted by SIGINT"))
        run.finish("restore", "done")

    assert type(ending(lambda: operated(world, work))) is Interrupted
