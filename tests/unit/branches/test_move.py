"""Several branches move under the locks of their environments, in one push, or none of them does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.branches import move as moving
from scripts.branches.move import environments, give_back, move, trees
from scripts.errors import CommandFailed, DeskError, Locked, Unreachable
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.ledger import REF
from scripts.state.lock import Lock, candidate_ref, lock_ref
from scripts.state.remote import record
from scripts.system.signals import Stop
from tests.fakes.world import World, ending
from tests.unit.branches.chains import aligned, chain, heads


@pytest.fixture(autouse=True)
def fix(world: World) -> str:
    """`main` has a fix that the branches before lack, and `develop` work of its own."""
    chain(world)
    world.commit("develop", {"work": "1"})
    return world.commit("main", {"login.js": "2"}, "fix")


def moved(world: World) -> DeskError:
    """The error of the move."""
    desk = world.desk()
    return ending(lambda: move(desk, aligned(desk)))


def on_push(world: World, matches: Callable[[set[str]], bool], work: Callable[[], object]) -> None:
    """Do this right before the first push of such refs."""

    def before_push(updates: object) -> None:
        if matches({update.ref for update in updates}):  # type: ignore[attr-defined]
            world.remote.before_push = lambda _: None
            work()

    world.remote.before_push = before_push


def last_push(refs: set[str]) -> bool:
    """The push that moves branches."""
    return "refs/heads/staging" in refs


def hold(world: World, environment: str) -> HeldLock:
    """Bob is at work there."""
    bob = world.desk("Bob")
    lock = HeldLock(bob, new_lock(bob, environment, "deploy", world.head("develop")))
    lock.acquire()
    return lock


def deploy_refs(world: World) -> set[str]:
    """Locks and candidates on the remote."""
    return {ref for ref in world.remote.refs if ref.startswith("refs/deploy/")}


def test_all_branches_move_in_one_push(world: World, fix: str) -> None:
    """With the event, and both locks freed."""
    desk = world.desk()
    found = aligned(desk)
    event = move(desk, found)
    push = {update.ref for update in world.remote.pushes[-1]}

    assert [world.head(each.branch) for each in found.moves] == [each.new for each in found.moves]
    assert {"refs/heads/staging", "refs/heads/develop", REF, lock_ref("staging")} <= push
    assert world.is_clean()
    assert (event.environment, event.kind, event.commit) == ("production", "backmerge", fix)
    assert [each["branch"] for each in event.detail["moves"]] == ["staging", "develop"]
    assert "commits" not in event.detail["moves"][0]


def test_both_locks_are_of_one_run(world: World) -> None:
    """Whoever finds one of them dead knows the other."""
    seen: list[Lock | None] = []
    on_push(world, last_push, lambda: seen.extend(map(world.lock, ("staging", "development"))))
    desk = world.desk()
    event = move(desk, aligned(desk))

    assert [lock and (lock.run, lock.task) for lock in seen] == [(event.run, "backmerge")] * 2


def test_its_event_releases_nothing(world: World) -> None:
    """What is live is what was live."""
    released = record(world.desk(), "production", "release", commit=world.head("main"), release="v1")
    desk = world.desk()
    event = move(desk, aligned(desk))

    assert event.release == "v1"
    assert world.ledger.live("production") == released
    assert world.ledger.next_release("production") == "v2"


def test_others_may_write_the_ledger_meanwhile(world: World) -> None:
    """Only branches and locks must be where they were."""
    on_push(world, last_push, lambda: record(world.desk("Bob"), "production", "approval"))
    desk = world.desk()
    move(desk, aligned(desk))

    assert [event.kind for event in world.ledger.events] == ["approval", "backmerge"]
    assert world.is_clean()


@pytest.mark.parametrize("environment", ["staging", "development"])
def test_an_environment_at_work_stops_all(world: World, environment: str) -> None:
    """Also the lock that was acquired already is freed again."""
    held, before = hold(world, environment), heads(world)
    error = moved(world)

    assert (type(error), error.code) == (Locked, 5)
    assert f"{environment} is locked by Bob" in error.message
    assert heads(world) == before
    assert {ref for ref in world.remote.refs if ref.startswith("refs/deploy/")} == {
        held.ref,
        held.candidate,
    }


@pytest.mark.parametrize("ref", ["refs/heads/develop", "refs/heads/staging", lock_ref("staging")])
def test_what_somebody_else_moved_stops_all(world: World, ref: str) -> None:
    """It is named; nothing of ours moved, and our locks are gone."""
    theirs = world.remote.commit({"lock.json": "{}"})
    on_push(world, last_push, lambda: world.remote.refs.update({ref: theirs}))
    before = heads(world)
    error = moved(world)

    assert type(error) is Locked
    assert f"`{ref}` was moved by somebody else; nothing was moved" in error.message
    assert {**heads(world), **({} if "lock" in ref else {ref[11:]: before[ref[11:]]})} == before
    assert world.remote.refs[ref] == theirs
    assert lock_ref("development") not in world.remote.refs


def test_what_another_run_has_moved_to_the_very_commits_is_not_moved_again(world: World) -> None:
    """Two runs of one second make the same merges, and git takes a push of what is there already."""
    desk = world.desk()
    found = aligned(desk)
    move(world.desk("Bob"), found)
    error = ending(lambda: move(desk, found))

    assert type(error) is Locked
    assert "was moved by somebody else; nothing was moved" in error.message
    assert [event.actor for event in world.ledger.events] == ["Bob"]
    assert world.is_clean()


def test_a_remote_that_refuses_leaves_all_as_it_was(world: World) -> None:
    """A protected branch: its words are shown, the locks are free."""

    def refuse() -> None:
        raise CommandFailed("`git push` to `origin` was refused: protected branch")

    on_push(world, last_push, refuse)
    before = heads(world)
    error = moved(world)

    assert "protected branch" in error.message
    assert heads(world) == before
    assert world.is_clean()


def test_an_interruption_gives_the_locks_back(world: World) -> None:
    """All has moved or nothing has."""

    def stop() -> None:
        raise Stop("interrupted by SIGTERM")

    on_push(world, last_push, stop)
    desk, before = world.desk(), heads(world)
    with pytest.raises(Stop):
        move(desk, aligned(desk))

    assert heads(world) == before
    assert world.is_clean()


# ------------------------------------------------------------------------------------- trees afterwards


def test_the_trees_before_and_after_are_compared(world: World) -> None:
    """Read anew from the commits."""
    desk = world.desk()
    found = aligned(desk)
    compared = trees(desk, found)

    assert compared["main"]["before"] == compared["main"]["after"]
    assert compared["staging"]["before"] != compared["staging"]["after"] == compared["main"]["after"]
    assert [each.name for each in environments(desk, found)] == ["staging", "development"]


def test_branches_that_are_not_aligned_afterwards_are_a_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merges should exclude it."""
    desk = world.desk()
    found = aligned(desk)
    monkeypatch.setattr(desk.git, "is_ancestor", lambda *_: False)

    assert "not aligned" in ending(lambda: trees(desk, found)).message


# ------------------------------------------------------------------------------------------ a dead move


def dead_move(world: World) -> Lock:
    """A back-merge that died right before its push; its lock of staging."""
    desk = world.desk("Bob")
    for environment in ("staging", "development"):
        HeldLock(
            desk, new_lock(desk, environment, moving.TASK, world.head("develop"), run="dead")
        ).acquire()
    lock = world.lock("staging")
    assert lock is not None
    return lock


def test_the_locks_of_a_dead_back_merge_are_freed(world: World) -> None:
    """It has moved nothing; another run's lock stays."""
    lock, before = dead_move(world), heads(world)
    other = hold(world, "production")
    outcome = give_back(world.desk(), lock)

    assert outcome.ending == "done"
    assert "had moved nothing" in outcome.message
    assert heads(world) == before
    assert deploy_refs(world) == {other.ref, other.candidate}


def test_a_candidate_that_is_gone_is_no_obstacle(world: World) -> None:
    lock = dead_move(world)
    del world.remote.refs[candidate_ref("staging", "dead")]
    give_back(world.desk(), lock)

    assert world.is_clean()


def test_a_back_merge_that_is_alive_keeps_its_locks(world: World) -> None:
    """Its heartbeat came in between."""
    lock = dead_move(world)
    theirs = world.remote.commit({"lock.json": "{}"})
    on_push(world, lambda _: True, lambda: world.remote.refs.update({lock_ref("staging"): theirs}))
    error = ending(lambda: give_back(world.desk(), lock))

    assert type(error) is Locked
    assert lock_ref("development") in world.remote.refs


def test_a_remote_that_is_away_frees_nothing(world: World) -> None:
    lock = dead_move(world)

    def away() -> None:
        raise Unreachable("no answer")

    on_push(world, lambda _: True, away)

    assert type(ending(lambda: give_back(world.desk(), lock))) is Unreachable
    assert world.lock("staging") is not None
