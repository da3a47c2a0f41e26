"""Three branches that have the same commit, and what may happen to them."""

from __future__ import annotations

from scripts.branches.alignment import Alignment
from scripts.branches.backmerge import way_back
from scripts.branches.merge import align
from scripts.config.desk import Desk
from tests.fakes.world import World

BRANCHES = ("develop", "staging", "main")
FILES = {"app.js": "1", "login.js": "1"}


def chain(world: World) -> str:
    """All branches are at one commit; gives it."""
    root = world.remote.commit(FILES, subject="root")
    for branch in BRANCHES:
        world.remote.refs[f"refs/heads/{branch}"] = root
    return root


def heads(world: World) -> dict[str, str]:
    """Where the branches are."""
    return {branch: world.head(branch) for branch in BRANCHES}


def button(world: World, branch: str, other: str) -> str:
    """GitHub's button has merged `other` into the branch: a merge that brings nothing."""
    ref = f"refs/heads/{branch}"
    world.remote.refs[ref] = world.remote.commit(
        world.remote.commits[world.head(other)].files,
        world.remote.refs[ref],
        world.head(other),
        subject=f"Merge pull request #1 from {other}",
    )
    return world.remote.refs[ref]


def aligned(desk: Desk) -> Alignment:
    """The alignment of the whole chain, as it is on the remote."""
    return align(desk, way_back(desk.settings), desk.git.ls_remote())
