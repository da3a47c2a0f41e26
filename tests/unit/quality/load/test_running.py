"""A second load test waits or is refused, a dead one's lease ends, and what a killed one left is known."""

from __future__ import annotations

import contextlib
import itertools
import time
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, Locked
from scripts.git.merge import MergingGit
from scripts.quality.load.running import Running, running
from scripts.state.lease import lease_ref
from tests.fakes.world import World
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository, clone, seeded

REF = lease_ref("load-test", "staging")


def under_load(
    world: World, who: str = "Ada", *, wait: bool = False, where: str = "staging"
) -> contextlib.AbstractContextManager[Running]:
    """A load test by somebody, on a machine of his own."""
    commit = world.head("staging")
    return running(world.desk(who), world.settings.environment(where), commit, wait=wait)


def test_one_at_a_time_on_an_environment(world: World) -> None:
    """Refused with 5, on this machine and on another, by name; another environment is free."""
    with under_load(world), under_load(world, where="development"):
        for who, said in (("Ada", "on this machine"), ("Bob", "Ada on `laptop` since")):
            with pytest.raises(Locked, match=f"a load test of staging is under way.* {said}") as refused:
                under_load(world, who).__enter__()
            assert (refused.value.code, "`--wait`" in str(refused.value.hint)) == (5, True)
    with under_load(world, "Bob"):
        pass
    assert REF not in world.remote.refs


def test_a_second_one_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the first is over; one that never ends is told after `[lock] wait`."""
    first = under_load(world)
    first.__enter__()
    monkeypatch.setattr(world.clock, "sleep", lambda _: first.__exit__(None, None, None))
    with under_load(world, "Bob", wait=True) as second:
        assert world.remote.refs[REF] == second.lease.id


def test_a_dead_ones_lease_ends_when_it_was_silent_for_its_time(world: World) -> None:
    """By the waiting machine's clock; the dead one, if it wakes up, knows that it lost, and keeps off."""
    dead = under_load(world)
    lease = dead.__enter__().lease
    lease.stop()
    before = world.clock()
    with under_load(world, "Bob", wait=True) as second:
        assert world.clock() - before >= world.settings.lock.ttl
        lease.heartbeat()
        assert (lease.lost, lease.is_held()) == (True, False)
        dead.__exit__(None, None, None)
        assert world.remote.refs[REF] == second.lease.id


def test_a_living_one_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each heartbeat counts, however long it takes; then `[lock] wait` is over."""
    with under_load(world) as first:
        sleep = world.clock.sleep

        def beating(seconds: float) -> None:
            sleep(seconds)
            first.lease.heartbeat()

        monkeypatch.setattr(world.clock, "sleep", beating)
        before = world.clock()
        with pytest.raises(Locked, match="under way: Ada"):
            under_load(world, "Bob", wait=True).__enter__()

    assert world.clock() - before >= world.settings.lock.wait > world.settings.lock.ttl


def test_a_killed_one_of_this_machine_blocks_nobody_here(world: World) -> None:
    """The lock of the file is free, and the file names the run: nothing is waited for."""

    def away(_updates: object) -> None:
        world.remote.before_push = lambda _: None
        raise CommandFailed("the remote can't be reached")

    folder = world.desk().state_folder / "load"
    with under_load(world) as killed:
        killed.lease.stop()
        world.remote.before_push = away
    assert (REF in world.remote.refs, [file.name for file in folder.iterdir()]) == (True, ["staging.lease"])
    before = world.clock()
    with under_load(world) as mine:
        assert (world.clock() - before, world.remote.refs[REF]) == (0, mine.lease.id)
    assert [*folder.iterdir()] == []


def test_one_that_is_over_leaves_no_file(world: World) -> None:
    """Neither after a good end nor after a fault; of a run whose rows are left the next one must know."""
    folder = world.desk().state_folder / "load"
    with under_load(world) as runs:
        runs.begin("r1")
        runs.over("r1")
    assert [*folder.iterdir()] == []
    with pytest.raises(CommandFailed), under_load(world):
        raise CommandFailed("the URL does not answer")
    assert [*folder.iterdir()] == []
    with under_load(world) as runs:
        runs.begin("r2")
    assert [file.name for file in folder.iterdir()] == ["staging.runs"]


def test_what_no_desk_wrote_ends_too(world: World) -> None:
    """It is shown as what it is."""
    world.remote.refs[REF] = world.remote.commit({"lock.json": "[]"})
    with pytest.raises(Locked, match="a lock that can't be read"):
        under_load(world).__enter__()
    with under_load(world, wait=True):
        pass


def test_of_two_that_come_at_once_one_gets_it(world: World) -> None:
    """The remote's compare-and-swap decides."""
    first = under_load(world)

    def meanwhile(_updates: object) -> None:
        world.remote.before_push = lambda _: None
        first.__enter__()

    world.remote.before_push = meanwhile
    with pytest.raises(Locked, match="under way: Ada"):
        under_load(world, "Bob").__enter__()
    first.__exit__(None, None, None)


def test_a_run_that_was_killed_is_remembered(world: World) -> None:
    """Until its rows are removed."""
    with under_load(world) as runs:
        runs.begin("r1")
        runs.begin("r2")
        runs.over("r2")
    with under_load(world) as runs:
        assert runs.runs == ["r1"]
        runs.over("r1")
    with under_load(world) as runs:
        assert runs.runs == []


def test_two_clones_of_a_real_remote_take_turns(tmp_path: Path) -> None:
    """Git's own compare-and-swap holds the second back; the ref is gone when the first is over."""
    origin, person = seeded(tmp_path)
    other = clone(origin, tmp_path / "other")
    commit = person.git("rev-parse", "HEAD").strip()

    def machine(of: Repository, who: str) -> contextlib.AbstractContextManager[Running]:
        ids = (f"{who}{number:04x}" for number in itertools.count())
        desk = fake_desk(
            tmp_path / who,
            git=MergingGit(of.folder, "origin"),
            actor=who,
            new_id=lambda: next(ids),
            clock=time.monotonic,
        )
        return running(desk, desk.settings.environment("staging"), commit)

    with machine(person, "ada"):
        with pytest.raises(Locked, match="a load test of staging is under way: ada on"):
            machine(other, "bob").__enter__()
        assert REF in origin.refs()
    assert REF not in origin.refs()
    with machine(other, "bob"):
        assert REF in origin.refs()
