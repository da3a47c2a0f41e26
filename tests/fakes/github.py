"""GitHub over a remote in memory: the stand-in, and what its merge buttons do to the branches there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from scripts.branches import landing, pull_request
from scripts.config.desk import Desk
from scripts.github import deployments
from scripts.github.client import Github
from scripts.release import observe
from scripts.setup import protect
from scripts.system.secret import Secret
from tests.fakes.git import FakeGit, FakeRemote
from tests.fakes.world import World
from tests.support.github_stand_in import API, TOKEN, StandIn


@dataclass
class FakeRepository:
    """The branches of a remote in memory."""

    remote: FakeRemote

    def head(self, branch: str) -> str | None:
        """Where a branch is."""
        return self.remote.refs.get(f"refs/heads/{branch}")

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        return FakeGit(self.remote).is_ancestor(old, new)

    def merge(self, base: str, commit: str, method: str) -> str:
        """A merge commit, or one copy of all changes."""
        git, ref = FakeGit(self.remote), f"refs/heads/{base}"
        tree = git.merge_tree(self.remote.refs[ref], commit).tree
        parents = (self.remote.refs[ref], *([commit] if method == "merge" else []))
        made = self.remote.add(self.remote.trees[tree], parents, "GitHub", "Merge pull request")
        self.remote.refs[ref] = made
        return made


def github_of(world: World, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """GitHub for a world whose promotions go by pull request."""
    stand_in = StandIn(FakeRepository(world.remote), now=world.clock.now)

    def hub_of(desk: Desk, *_: object) -> Github:
        return Github(
            "o/r",
            Secret(TOKEN),
            API,
            sleep=world.clock.sleep,
            clock=world.clock,
            exchange=stand_in.exchange,
            note=desk.progress.note,
        )

    for module in (landing, pull_request, observe, protect, deployments):
        monkeypatch.setattr(module, "hub_of", hub_of)
    return stand_in
