"""`hotfix`: a fix goes straight to the last environment, and then back to the branches before."""

from __future__ import annotations

from typing import cast

import pytest

from scripts.branches import move
from scripts.errors import DeskError, Interrupted, Locked, Refused
from scripts.release import bring_back
from scripts.release import hotfix as hotfixing
from scripts.release.commands import deploy, promote
from scripts.release.hotfix import hotfix
from scripts.release.request import DeployRequest, HotfixRequest, PromoteRequest
from scripts.state.held_lock import HeldLock, new_lock
from scripts.system.signals import Stop
from tests.fakes.world import Notes, World, ending

FIX = HotfixRequest(branch="hotfix/x", yes=True)
PLAN = HotfixRequest(branch="hotfix/x", plan=True)


@pytest.fixture(autouse=True)
def released(world: World) -> str:
    """One commit is live everywhere; `hotfix/x` has a fix on top of it."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    return push_fix(world)


def push_fix(world: World, **files: str) -> str:
    """A fix made from `main`; gives its commit."""
    fix = world.remote.commit(files or {"fix": "1"}, world.head("main"), subject="fix the login")
    world.remote.refs["refs/heads/hotfix/x"] = fix
    return fix


def heads(world: World) -> list[str]:
    """Where the branches of the chain are."""
    return [world.head(branch) for branch in ("develop", "staging", "main")]


# --------------------------------------------------------------------------------------- which branch


@pytest.mark.parametrize(
    ("branch", "said", "hint"),
    [
        ("", "no branch was named", "invoke hotfix --branch"),
        ("main", "`main` is the branch of production", "invoke promote --to production"),
        ("develop", "`develop` is the branch of development", "invoke promote --to production"),
        ("hotfix/y", "the remote has no branch `hotfix/y`", "git push origin hotfix/y"),
        ("a;b", "the remote has no branch `a;b`", "git push origin 'a;b'"),
    ],
)
def test_a_hotfix_is_a_branch_of_the_remote_and_none_of_the_chain(
    world: World, branch: str, said: str, hint: str
) -> None:
    """Else nothing happens; what is pasted is quoted for a shell."""
    before = heads(world)
    error = ending(lambda: hotfix(world.desk(), HotfixRequest(branch=branch, yes=True)))

    assert type(error) is Refused
    assert said in error.message
    assert hint in str(error.hint)
    assert heads(world) == before


# ------------------------------------------------------------------------------------------ the good way


def test_a_fix_goes_live_and_comes_back(world: World, released: str) -> None:
    """Production has it, its branch moved, and the branches before have it too."""
    outcome = hotfix(world.desk(), FIX)

    assert (outcome.ending, outcome.code) == ("done", 0)
    assert world.drivers["production"].served.commit == released
    assert heads(world) == [released] * 3
    assert "brought back" in outcome.message
    assert "invoke deploy --env staging" in str(outcome.hint)
    assert outcome.data["backmerge"]["ending"] == "done"
    assert [event.kind for event in world.ledger.events[-2:]] == ["release", "backmerge"]
    assert world.is_clean()


def test_work_that_was_done_meanwhile_is_merged(world: World, released: str) -> None:
    """`develop` keeps its commits, and gets the fix by a merge."""
    work = world.commit("develop", {"work": "1"})
    hotfix(world.desk(), FIX)
    git = world.desk().git

    assert git.is_ancestor(released, world.head("develop"))
    assert git.is_ancestor(work, world.head("develop"))
    assert world.head("develop") not in (work, released)


def test_it_asks_like_every_release_of_a_guarded_environment(world: World) -> None:
    """Nobody confirms: nothing happens."""
    before = heads(world)

    assert ending(lambda: hotfix(world.desk(), HotfixRequest(branch="hotfix/x"))).code == 6
    assert heads(world) == before


def test_a_fix_that_failed_is_not_brought_back(world: World) -> None:
    """It is no release."""
    before = heads(world)
    world.drivers["production"].faults["publish"] = lambda: None
    error = ending(lambda: hotfix(world.desk(), FIX))

    assert error.code == 1
    assert heads(world) == before


def test_a_second_time_it_only_comes_back(world: World, released: str) -> None:
    """It is live already: what was left undone is done."""
    hotfix(world.desk(), FIX)
    for branch in ("develop", "staging"):
        world.remote.refs[f"refs/heads/{branch}"] = world.remote.commits[released].parents[0]
    outcome = hotfix(world.desk(), FIX)
    third = hotfix(world.desk(), FIX)

    assert (outcome.ending, third.ending) == ("done", "nothing")
    assert heads(world) == [released] * 3


# ------------------------------------------------------------------------ what stops it from coming back


def test_a_conflict_does_not_undo_a_release_that_is_live(world: World) -> None:
    """It is told, with the commands; a person merges."""
    fix = push_fix(world, file="the fix")
    world.commit("develop", {"file": "theirs"})
    outcome = hotfix(world.desk(), FIX)

    assert (outcome.ending, outcome.code) == ("done", 0)
    assert world.head("main") == fix
    assert "not brought back yet" in outcome.message
    assert "conflicts in `file`" in outcome.message
    assert bring_back.LATER in str(outcome.hint)
    assert outcome.data["backmerge"]["conflicts"] == ["file"]


@pytest.mark.parametrize("waits", [False, True])
def test_somebody_at_work_on_another_branch_is_waited_for_if_asked(
    world: World, released: str, waits: bool
) -> None:
    """Else it is told what is left to do."""
    bob = world.desk("Bob")
    lock = HeldLock(bob, new_lock(bob, "staging", "promote", world.head("develop")))
    lock.acquire()

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        if "refs/deploy/lock/staging" in world.remote.refs and world.head("main") == released:
            lock.release()

    outcome = hotfix(world.desk(sleep=sleep), HotfixRequest(branch="hotfix/x", yes=True, wait=waits))

    assert outcome.code == 0
    assert ("not brought back yet: staging is locked by Bob" in outcome.message) != waits
    assert (world.head("staging") == released) == waits


def test_an_interruption_after_the_release_says_what_is_live(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 130; the document is that of the release."""

    def stopped(*_: object) -> None:
        raise Stop("interrupted by SIGTERM")

    monkeypatch.setattr(bring_back, "bring_back", stopped)
    error = ending(lambda: hotfix(world.desk(), FIX))

    assert isinstance(error, Interrupted)
    assert "not brought back yet" in error.message
    assert error.hint == bring_back.LATER
    assert error.data["release"] == "v2"
    assert world.head("main") == world.head("hotfix/x")


def test_a_fault_without_a_hint_has_the_command_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DeskError("odd")

    monkeypatch.setattr(bring_back, "bring_back", fails)

    assert hotfix(world.desk(), FIX).hint == bring_back.LATER


# ----------------------------------------------------------------------------------------------- plans


def test_a_plan_says_also_how_it_comes_back(world: World) -> None:
    """And changes nothing."""
    before = dict(world.remote.refs)
    desk = world.desk()
    outcome = hotfix(desk, PLAN)
    said = "\n".join(cast(Notes, desk.progress).lines)

    assert (outcome.code, outcome.data["refused"]) == (0, None)
    assert [move_["branch"] for move_ in outcome.data["backmerge"]["moves"]] == ["staging", "develop"]
    assert "afterwards it comes back:" in said
    assert "without the proof of the environment before" in said
    assert world.remote.refs == before


def test_a_conflict_is_known_before_the_release(world: World) -> None:
    """It does not stop it."""
    push_fix(world, file="the fix")
    world.commit("develop", {"file": "theirs"})
    desk = world.desk()
    outcome = hotfix(desk, PLAN)

    assert outcome.data["backmerge"]["conflicts"] == ["file"]
    assert any("a person has to merge" in line for line in cast(Notes, desk.progress).lines)


def test_a_plan_that_is_refused_says_only_why(world: World) -> None:
    """How it would come back does not matter."""
    world.remote.refs["refs/heads/main"] = world.remote.commit({"b": "1"}, world.head("main"))
    desk = world.desk()
    outcome = hotfix(desk, PLAN)

    assert (outcome.ending, outcome.code) == ("failed", 1)
    assert "backmerge" not in outcome.data
    assert not any("afterwards" in line for line in cast(Notes, desk.progress).lines)


def test_a_way_home_that_can_not_be_said_is_no_refusal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old git can't merge without a checkout."""

    def too_old(*_: object) -> None:
        raise Refused("this git can't merge without a checkout")

    monkeypatch.setattr(hotfixing, "align", too_old)
    outcome = hotfix(world.desk(), PLAN)

    assert outcome.code == 0
    assert "backmerge" not in outcome.data


def test_a_lock_that_comes_in_between_moves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The back-merge is one push: all branches or none."""

    def locked(*_: object) -> None:
        raise Locked("`refs/heads/develop` was moved by somebody else; nothing was moved")

    monkeypatch.setattr(move, "append", locked)
    before = heads(world)
    outcome = hotfix(world.desk(), FIX)

    assert "not brought back yet" in outcome.message
    assert heads(world)[:2] == before[:2]
    assert world.is_clean()
