"""How the branches of the chain stand to each other, and the merges that would align them."""

from __future__ import annotations

import pytest

from scripts.branches.backmerge import way_back
from scripts.branches.merge import align, head_of, meet, merging
from scripts.errors import Refused
from tests.fakes.world import World, ending
from tests.unit.branches.chains import aligned, button, chain, heads


@pytest.fixture(autouse=True)
def root(world: World) -> str:
    """All branches are at one commit."""
    return chain(world)


def refuse(*_: object) -> None:
    """An old git."""
    raise Refused("this git can't merge without a checkout")


def test_an_old_git_is_refused_before_anything_else(world: World) -> None:
    """It could not merge without a checkout."""
    desk = world.desk()
    assert merging(desk) is desk.git
    desk.git.require_merge_tree = refuse  # type: ignore[method-assign]

    assert type(ending(lambda: aligned(desk))) is Refused


def test_branches_at_one_commit_are_aligned(world: World, root: str) -> None:
    """Nothing moves."""
    found = aligned(world.desk())

    assert (found.moves, found.stuck) == ((), None)
    assert [head.commit for head in found.heads] == [root] * 3
    assert found.nothing is not None


def test_earlier_branches_may_be_ahead(world: World) -> None:
    """That is what promotions are for."""
    world.commit("develop", {"work": "1"})
    world.remote.refs["refs/heads/staging"] = world.head("develop")
    world.commit("develop", {"work": "2"})

    assert aligned(world.desk()).moves == ()


def test_a_fix_on_the_last_branch_goes_back_through_all(world: World) -> None:
    """Where a branch has nothing of its own it is moved forward, without a merge."""
    fix = world.commit("main", {"login.js": "2"}, "fix")
    found = aligned(world.desk())

    assert [(move.branch, move.meeting.how, move.new) for move in found.moves] == [
        ("staging", "fast-forward", fix),
        ("develop", "fast-forward", fix),
    ]
    assert found.moves[0].meeting.changes == ("M login.js",)
    assert found.moves[0].meeting.strangers[0].subject == "fix"
    assert not found.harmless


def test_where_both_have_something_a_merge_is_made(world: World) -> None:
    """First parent the branch that moves; the next branch gets it as it is after its own move."""
    fix = world.commit("main", {"login.js": "2"}, "fix")
    work = world.commit("develop", {"work": "1"})
    before = heads(world)
    found = aligned(world.desk())
    merge = world.remote.commits[found.moves[1].new]

    assert [move.meeting.how for move in found.moves] == ["fast-forward", "merge"]
    assert merge.parents == (work, fix)
    assert merge.files == {"app.js": "1", "login.js": "2", "work": "1"}
    assert merge.subject == "Merge branch 'staging' into develop"
    assert heads(world) == before


def test_a_merge_goes_on_from_what_the_branch_before_became(world: World) -> None:
    """`staging` gets a merge of its own, and `develop` gets that merge."""
    world.commit("main", {"login.js": "2"}, "fix")
    world.commit("staging", {"other": "1"}, "by hand")
    work = world.commit("develop", {"work": "1"})
    first, second = aligned(world.desk()).moves

    assert (first.meeting.how, second.meeting.how) == ("merge", "merge")
    assert second.meeting.other.commit == first.new
    assert second.meeting.other.tree == first.meeting.merged
    assert world.remote.commits[second.new].parents == (work, first.new)
    assert world.remote.commits[second.new].files == {
        "app.js": "1",
        "login.js": "2",
        "other": "1",
        "work": "1",
    }


def test_a_conflict_stops_the_chain_there(world: World) -> None:
    """What goes before it is still known; the files are named."""
    world.commit("main", {"login.js": "2"}, "fix")
    world.commit("develop", {"login.js": "3"})
    found = aligned(world.desk())

    assert [move.branch for move in found.moves] == ["staging"]
    assert found.stuck is not None
    assert (found.stuck.into.branch, found.stuck.conflicts) == ("develop", ("login.js",))
    assert found.stuck.changes == ()
    assert found.refused is not None


def test_a_branch_that_is_not_there_is_left_out(world: World) -> None:
    """Before the first promotion."""
    del world.remote.refs["refs/heads/staging"]
    fix = world.commit("main", {"login.js": "2"})
    found = aligned(world.desk())

    assert [head.branch for head in found.heads] == ["main", "develop"]
    assert [(move.branch, move.new) for move in found.moves] == [("develop", fix)]


def test_without_any_branch_there_is_nothing_to_align(world: World) -> None:
    for branch in heads(world):
        del world.remote.refs[f"refs/heads/{branch}"]
    found = aligned(world.desk())

    assert (found.heads, found.moves) == ((), ())


def test_a_part_of_the_chain_can_be_aligned(world: World) -> None:
    """The others stay out of it."""
    world.commit("main", {"login.js": "2"})
    desk = world.desk()
    found = align(desk, way_back(desk.settings, "production", "staging"), desk.git.ls_remote())

    assert [move.branch for move in found.moves] == ["staging"]


# -------------------------------------------------------------------------------------------- harmless


def test_githubs_button_leaves_a_harmless_merge(world: World) -> None:
    """It brings no file and no commit that anybody wrote."""
    world.commit("staging", {"work": "1"})
    world.remote.refs["refs/heads/develop"] = world.head("staging")
    button(world, "main", "staging")
    found = aligned(world.desk())

    assert found.moves[0].meeting.harmless
    assert found.unchanged
    assert found.moves[0].meeting.own == 0


def test_a_squashed_promotion_is_known_by_its_files(world: World) -> None:
    """The branch has the very files in a commit of its own: nothing of the squash is new to it."""
    for number in "12":
        world.commit("staging", {"work": number})
    twin = world.head("staging")
    world.commit("staging", {"more": "1"})
    world.remote.refs["refs/heads/main"] = world.remote.commit(
        {"work": "2"}, world.head("main"), subject="staging (#1)"
    )
    git = world.desk().git
    into, other = (
        head_of(git, world.settings.environments[name], world.head(branch))
        for name, branch in (("staging", "staging"), ("production", "main"))
    )
    meeting = meet(git, into, other)

    assert (meeting.twin, meeting.own, meeting.copies) == (twin, 0, 1)
    assert meeting.harmless
    assert meeting.merged == into.tree


def test_nothing_of_the_other_is_no_meeting(world: World) -> None:
    git = world.desk().git
    into, other = (
        head_of(git, world.settings.environments[name], world.head("main"))
        for name in ("staging", "production")
    )

    assert (meet(git, into, other).how, meet(git, into, other).merged) == ("nothing", into.tree)
