"""`backmerge`: what later branches have comes back to the earlier ones; it releases nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest

from scripts.branches import move
from scripts.branches.backmerge import backmerge, way_back
from scripts.branches.request import BackmergeRequest
from scripts.errors import Declined, Locked, Refused
from scripts.state.held_lock import HeldLock, new_lock
from tests.fakes.world import Notes, World, ending
from tests.support.tables import settings
from tests.unit.branches.chains import button, chain, heads

ALL = BackmergeRequest(all=True, yes=True)


@pytest.fixture(autouse=True)
def root(world: World) -> str:
    """All branches are at one commit."""
    return chain(world)


def fixed(world: World) -> str:
    """`main` has a fix."""
    return world.commit("main", {"login.js": "2"}, "fix")


# --------------------------------------------------------------------------------------------- the way


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("", "", ["production", "staging", "development"]),
        ("staging", "", ["staging", "development"]),
        ("", "staging", ["production", "staging"]),
        ("main", "develop", ["production", "staging", "development"]),
        ("prod", "dev", ["production", "staging", "development"]),
    ],
)
def test_the_way_goes_from_the_end_of_the_chain_to_its_beginning(
    source: str, target: str, expected: list[str]
) -> None:
    """By environment, alias or branch."""
    assert [each.name for each in way_back(settings(), source, target)] == expected


@pytest.mark.parametrize(
    ("source", "target"), [("development", ""), ("development", "staging"), ("staging", "staging")]
)
def test_a_way_in_the_other_direction_is_refused(source: str, target: str) -> None:
    """The chain is in the hint."""
    error = ending(lambda: way_back(settings(), source, target))

    assert type(error) is Refused
    assert "`development` -> `staging` -> `production`" in str(error.hint)


def test_an_environment_that_does_not_exist_is_refused() -> None:
    assert type(ending(lambda: way_back(settings(), "qa"))) is Refused


@pytest.mark.parametrize("other", [{"from_": "main"}, {"to": "develop"}])
def test_the_whole_chain_goes_without_a_part_of_it(world: World, other: dict[str, Any]) -> None:
    assert type(ending(lambda: backmerge(world.desk(), BackmergeRequest(all=True, **other)))) is Refused


# ------------------------------------------------------------------------------------------- the outcome


def test_aligned_branches_have_nothing_to_do(world: World) -> None:
    """No question, no push."""
    outcome = backmerge(world.desk(), BackmergeRequest(all=True))

    assert (outcome.ending, outcome.code) == ("nothing", 0)
    assert outcome.data["moves"] == []
    assert world.remote.pushes == []


def test_a_fix_comes_back(world: World) -> None:
    """The next commands are named; the document has the trees before and after."""
    fix = fixed(world)
    outcome = backmerge(world.desk(), ALL)

    assert outcome.ending == "done"
    assert heads(world) == {"develop": fix, "staging": fix, "main": fix}
    assert "invoke deploy --env staging" in str(outcome.hint)
    assert outcome.data["unchanged"] is False
    assert outcome.data["trees"]["staging"]["before"] != outcome.data["trees"]["staging"]["after"]
    assert outcome.data["run"] == world.ledger.events[-1].run
    assert world.is_clean()


def test_merges_without_content_are_proven_to_change_no_file(world: World) -> None:
    """Trees are compared after the push."""
    world.commit("staging", {"work": "1"})
    world.remote.refs["refs/heads/develop"] = world.head("staging")
    button(world, "main", "staging")
    desk = world.desk()
    outcome = backmerge(desk, ALL)

    assert outcome.data["unchanged"] is True
    assert "no file of any branch changed" in outcome.message
    assert any("the same files" in line for line in cast(Notes, desk.progress).lines)


def test_only_the_part_that_was_asked_for_moves(world: World) -> None:
    fixed(world)
    backmerge(world.desk(), BackmergeRequest(from_="main", to="staging", yes=True))

    assert heads(world)["staging"] == world.head("main") != world.head("develop")


def test_a_plan_moves_nothing(world: World) -> None:
    """It is the same document, with `refused`."""
    fixed(world)
    before = dict(world.remote.refs)
    outcome = backmerge(world.desk(), BackmergeRequest(all=True, plan=True))

    assert (outcome.ending, outcome.data["refused"]) == ("done", None)
    assert [move["branch"] for move in outcome.data["moves"]] == ["staging", "develop"]
    assert "`--yes`" in str(outcome.hint)
    assert world.remote.refs == before


def test_a_harmless_plan_says_so(world: World) -> None:
    button(world, "main", "staging")
    outcome = backmerge(world.desk(), BackmergeRequest(all=True, plan=True))

    assert outcome.message.startswith("harmless: ")


def test_nobody_who_is_not_asked_moves_a_branch(world: World) -> None:
    """The word is the task's name; without it nothing happens."""
    fixed(world)
    before = heads(world)
    error = ending(lambda: backmerge(world.desk(), BackmergeRequest(all=True)))

    assert (type(error), error.code) == (Declined, 6)
    assert "no branch was moved" in error.message
    assert len(error.data["moves"]) == 2
    assert heads(world) == before
    assert backmerge(world.desk(progress=Notes(types="backmerge")), BackmergeRequest(all=True)).code == 0


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("plan", [True, False])
def test_a_conflict_needs_a_person(world: World, plan: bool) -> None:
    """Its files and the commands are told; nothing moves, not even what could."""
    fixed(world)
    world.commit("develop", {"login.js": "3"})
    before, desk = heads(world), world.desk()
    request = BackmergeRequest(all=True, plan=plan, yes=not plan)
    if plan:
        outcome = backmerge(desk, request)
        found = (outcome.code, outcome.data["refused"], outcome.hint, outcome.data)
    else:
        error = ending(lambda: backmerge(desk, request))
        found = (error.code, error.message, error.hint, error.data)
    code, why, hint, data = found

    assert code == 1
    assert "can't be merged into `develop` by itself: conflicts in `login.js`" in str(why)
    assert "git pull --no-rebase" in str(hint)
    assert data["conflicts"] == ["login.js"]
    assert heads(world) == before


def held(world: World, environment: str) -> HeldLock:
    """Bob is at work there."""
    bob = world.desk("Bob")
    lock = HeldLock(bob, new_lock(bob, environment, "deploy", world.head("develop")))
    lock.acquire()
    return lock


def test_an_environment_at_work_whose_branch_would_move_is_locked(world: World) -> None:
    """Code 5, in the plan too; one whose branch stays does not matter."""
    fixed(world)
    held(world, "production")
    assert backmerge(world.desk(), BackmergeRequest(all=True, plan=True)).code == 0
    held(world, "staging")
    plan = backmerge(world.desk(), BackmergeRequest(all=True, plan=True))
    error = ending(lambda: backmerge(world.desk(), ALL))

    assert (plan.ending, plan.code) == ("failed", 5)
    assert (type(error), error.code) == (Locked, 5)
    assert "staging is locked by Bob" in error.message
    assert len(error.data["moves"]) == 2


def test_a_lock_is_waited_for_if_asked(world: World) -> None:
    """And then looked at anew."""
    fix = fixed(world)
    lock = held(world, "staging")

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        if lock.ref in world.remote.refs:
            lock.release()

    outcome = backmerge(world.desk(sleep=sleep), BackmergeRequest(all=True, yes=True, wait=True))

    assert outcome.code == 0
    assert world.head("staging") == fix


def test_a_dead_back_merge_is_settled_by_the_one_that_waits(world: World) -> None:
    """Its locks are freed when they were silent for their time to live; then this one does its work."""
    fix = fixed(world)
    for name in ("staging", "development"):
        desk = world.desk("Bob")
        HeldLock(desk, new_lock(desk, name, move.TASK, world.head("develop"), run="dead")).acquire()
    desk = world.desk()
    outcome = backmerge(desk, BackmergeRequest(all=True, yes=True, wait=True))

    assert outcome.code == 0
    assert world.head("staging") == fix
    assert not any(world.lock(name) for name in ("staging", "development"))
    assert any("its run is taken over" in line for line in cast(Notes, desk.progress).lines)
