"""`--wait`: for an owner that is alive, until it ends; not for one that is dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.config.settings import Lock as Limits
from scripts.errors import CommandFailed, Locked, Unreachable
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import lock_ref
from scripts.state.waiting import PAUSE, retry_while_locked
from tests.fakes.git import FakeGit
from tests.fakes.world import Notes, World, ending

LOCK, TTL = lock_ref("staging"), 20.0


def staging(world: World) -> list[Environment]:
    """The environment that is waited for."""
    return [world.settings.environment("staging")]


def count(world: World, faults: int, *, wait: bool, run: str | None = None) -> tuple[int, str]:
    """The number of tries, and the name of the ending."""
    tries = 0

    def work() -> Outcome:
        nonlocal tries
        tries += 1
        if tries <= faults:
            fault = Locked("staging is locked by Bob")
            fault.data = {"run": run}
            raise fault
        return Outcome.done("done")

    try:
        retry_while_locked(world.desk(), work, wait=wait, environments=staging(world))
    except Locked:
        return tries, "locked"
    return tries, "done"


def held(world: World, desk: Desk, **changes: float) -> HeldLock:
    """A lock of staging."""
    lock = HeldLock(desk, replace(new_lock(desk, "staging", "promote", world.head("develop")), **changes))  # type: ignore[arg-type]
    lock.acquire()
    lock.stop()
    return lock


def while_locked(world: World) -> Callable[[], Outcome]:
    """Work that needs the lock."""

    def work() -> Outcome:
        if LOCK in world.remote.refs:
            raise Locked("staging is locked by Bob")
        return Outcome.done("done")

    return work


def at(world: World, desk: Desk, moments: dict[float, Callable[[], None]]) -> Desk:
    """A desk on whose clock these things happen while it sleeps."""
    waiting = dict(moments)

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        for moment in [moment for moment in waiting if moment <= world.clock.seconds]:
            waiting.pop(moment)()

    return replace(desk, sleep=sleep)


def test_without_wait_a_lock_ends_the_work(world: World) -> None:
    """At once."""
    assert count(world, 1, wait=False) == (1, "locked")
    assert world.clock.seconds == 0


def test_a_lock_that_is_free_by_now_is_tried_again(world: World) -> None:
    """After a pause; each try is said."""
    assert count(world, 3, wait=True) == (4, "done")
    assert world.clock.seconds == 3 * PAUSE


def test_a_lock_is_waited_for_until_it_is_free(world: World) -> None:
    """An owner that is alive may take as long as it likes; it is named once, and nothing is done twice."""
    bob = held(world, world.desk("Bob"), ttl=TTL)
    beats: dict[float, Callable[[], None]] = {10.0 * n: bob.heartbeat for n in range(1, 9)}
    desk = at(world, world.desk(), {**beats, 85.0: bob.release})
    outcome = retry_while_locked(desk, while_locked(world), wait=True, environments=staging(world))

    assert outcome.ending == "done"
    assert 85 <= world.clock.seconds < 85 + 2 * PAUSE
    assert cast(Notes, desk.progress).lines == ["waiting: staging is locked by Bob"]


def test_a_dead_owner_is_taken_over(world: World) -> None:
    """After the time to live that its lock says, not before; how long it was silent is said."""
    bob = held(world, world.desk("Bob"), ttl=TTL)
    taken: list[tuple[str, str, bool, float]] = []

    def settle(_desk: Desk, environment: Environment, silent: str, yes: bool) -> None:
        taken.append((environment.name, silent, yes, world.clock.seconds))
        bob.release()

    desk = at(world, world.desk(settle=settle), {10.0: bob.heartbeat})
    retry_while_locked(desk, while_locked(world), wait=True, environments=staging(world), yes=True)

    ((name, silent, yes, when),) = taken
    assert (name, silent, yes) == ("staging", bob.id, True)
    assert 10 + TTL <= when < 10 + TTL + 2 * PAUSE
    assert "silent for 20 s: dead" in cast(Notes, desk.progress).lines[-1]


def test_without_a_take_over_a_dead_owner_ends_the_wait(world: World) -> None:
    """Long before `[lock] wait`, with the command that settles it."""
    held(world, world.desk("Bob"), ttl=TTL)
    error = ending(
        lambda: retry_while_locked(
            world.desk(settle=None), while_locked(world), wait=True, environments=staging(world)
        )
    )

    assert isinstance(error, Locked)
    assert "silent for 20 s: dead" in error.message
    assert "`invoke resume --env staging`" in str(error.hint)
    assert world.clock.seconds < 2 * TTL


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan"), 1e9])
def test_a_time_to_live_that_no_desk_writes_is_the_usual_one(world: World, ttl: float) -> None:
    """That of this desk's settings."""
    held(world, world.desk("Bob"), ttl=ttl)
    desk = world.desk(settings=replace(world.settings, lock=Limits(ttl=50)), settle=None)
    ending(lambda: retry_while_locked(desk, while_locked(world), wait=True, environments=staging(world)))

    assert 50 <= world.clock.seconds < 60


def test_a_network_that_is_away_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be seen is neither free nor dead."""
    held(world, world.desk("Bob"), ttl=TTL)
    monkeypatch.setattr(FakeGit, "ls_remote", lambda _: (_ for _ in ()).throw(Unreachable("away")))
    desk = world.desk(settings=replace(world.settings, lock=Limits(wait=100)))
    error = ending(
        lambda: retry_while_locked(desk, while_locked(world), wait=True, environments=staging(world))
    )

    assert error.message == "staging is locked by Bob"
    assert world.clock.seconds > 100


def test_a_lock_that_can_not_be_fetched_has_the_usual_time_to_live(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait goes on."""
    held(world, world.desk("Bob"), ttl=TTL)
    monkeypatch.setattr(FakeGit, "fetch", lambda *_: (_ for _ in ()).throw(Unreachable("away")))
    desk = world.desk(settings=replace(world.settings, lock=Limits(ttl=50)), settle=None)
    error = ending(
        lambda: retry_while_locked(desk, while_locked(world), wait=True, environments=staging(world))
    )

    assert "silent for 50 s: dead" in error.message


def test_waiting_has_an_end(world: World) -> None:
    """`[lock] wait` seconds, however alive the owner is."""
    bob = held(world, world.desk("Bob"), ttl=TTL)
    settings = replace(world.settings, lock=Limits(wait=60))
    desk = at(world, world.desk(settings=settings), {10.0 * n: bob.heartbeat for n in range(1, 20)})
    error = ending(
        lambda: retry_while_locked(desk, while_locked(world), wait=True, environments=staging(world))
    )

    assert error.message == "staging is locked by Bob"
    assert 60 < world.clock.seconds < 70


def test_work_that_had_begun_is_not_begun_again(world: World) -> None:
    """The lock was lost in the midst of a run: trying again would be wrong."""
    assert count(world, 1, wait=True, run="r1") == (1, "locked")


def test_other_faults_are_not_waited_for(world: World) -> None:
    """Only a lock goes away by itself."""
    tries = []

    def work() -> Outcome:
        tries.append(1)
        raise CommandFailed("refused")

    error = ending(lambda: retry_while_locked(world.desk(), work, wait=True, environments=staging(world)))
    assert (type(error), len(tries)) == (CommandFailed, 1)
