"""A promotion by pull request with real git, and GitHub's stand-in over HTTP; resumed in another clone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.errors import CommandTimedOut, LiveUnknown
from scripts.git.merge import MergingGit
from scripts.release import pull_request
from scripts.release.commands import deploy, promote
from scripts.release.request import DeployRequest, PromoteRequest, ResumeRequest
from scripts.release.resume import resume
from tests.fakes.world import World, build_world, ending
from tests.support.github_stand_in import TOKEN, StandIn, serving
from tests.support.repositories import Repository, clone, seeded
from tests.unit.release.test_pull_request import CHECK, REVIEW

REFUSED = """case "$1" in refs/heads/staging)
echo "error: GH013: Repository rule violations found for refs/heads/staging." >&2; exit 1 ;; esac"""


@dataclass
class RealRepository:
    """The bare repository, and what GitHub's button does to it."""

    bare: Repository

    def head(self, branch: str) -> str | None:
        """Where a branch is."""
        return self.bare.refs().get(f"refs/heads/{branch}")

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        return self.bare.git("merge-base", old, new) == old

    def merge(self, base: str, commit: str, method: str) -> str:
        """A merge commit, or one copy of all changes."""
        head = str(self.head(base))
        tree = self.bare.git("merge-tree", "--write-tree", head, commit).splitlines()[0]
        parents = ["-p", head, *(["-p", commit] if method == "merge" else [])]
        made = self.bare.git("commit-tree", tree, *parents, "-m", "Merge pull request")
        self.bare.git("update-ref", f"refs/heads/{base}", made, head)
        return made


@dataclass
class Scene:
    """A team with a bare repository on GitHub; `world` stands for everything else."""

    world: World
    origin: Repository
    person: Repository
    folder: Path
    hub: StandIn

    def desk(self, name: str) -> Desk:
        """The desk of a person, in a clone of their own."""
        folder = self.folder / name
        if not folder.exists():
            clone(self.origin, folder)
        return self.world.desk(name, git=MergingGit(folder, "origin", ""))

    def head(self, branch: str) -> str:
        """Where a branch is."""
        return self.origin.refs()[f"refs/heads/{branch}"]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A newer commit is live on development, and GitHub asks for a check and a review before staging."""
    world = build_world(tmp_path, monkeypatch, app__migrations="", app__land="pull-request")
    github = world.settings.github._replace(repository="o/r", wait=60)
    world.settings = replace(world.settings, github=github)
    origin, person = seeded(tmp_path)
    hub = StandIn(RealRepository(origin), now=world.clock.now)
    made = Scene(world, origin, person, tmp_path, hub)
    with serving(hub) as address:
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", address)
        origin.git("branch", "staging", "develop")
        person.commit("feature")
        person.git("push", "-q", "origin", "develop")
        deploy(made.desk("ada"), DeployRequest(env="development"))
        hub.protect("staging", CHECK, REVIEW)
        origin.hook("update", REFUSED)
        yield made


def test_it_is_opened_waited_for_merged_and_resumed_elsewhere(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out, a second person who goes on, a GitHub that is away at the merge, a third who resumes."""
    monkeypatch.setattr(pull_request, "POLL", 20.0)
    hub, commit, before = scene.hub, scene.head("develop"), scene.head("staging")
    late = ending(lambda: promote(scene.desk("ada"), PromoteRequest(to="staging")))
    assert type(late) is CommandTimedOut
    assert "check `ci` has not reported yet; 0 of 1 approvals" in late.message

    hub.check("ci", commit)
    hub.review("grace")
    away: list[Any] = [(502, None, {})]
    hub.faults = {"PUT /pulls/1/merge": away * 5, "GET /pulls/1": [None] * 5 + away * 9}
    unknown = ending(lambda: promote(scene.desk("bob"), PromoteRequest(to="staging")))
    assert type(unknown) is LiveUnknown
    assert (scene.head("staging"), len(hub.pulls)) == (before, 1)
    assert "refs/deploy/lock/staging" in scene.origin.refs()

    hub.faults.clear()
    done = resume(scene.desk("carol"), ResumeRequest(env="staging"))
    merge = scene.head("staging")
    assert (done.ending, hub.pull(1)["merge_commit_sha"]) == ("done", merge)
    assert scene.origin.git("rev-parse", f"{merge}^2") == commit
    assert scene.origin.git("diff", "--stat", commit, merge) == ""
    assert not [ref for ref in scene.origin.refs() if ref.startswith("refs/deploy/")]
    assert deploy(scene.desk("ada"), DeployRequest(env="staging")).ending == "nothing"


def test_a_push_is_taken_for_the_merge(scene: Scene) -> None:
    """Where the account may bypass the rules."""
    (scene.origin.folder / "hooks" / "update").unlink()
    scene.hub.bypass = "always"
    commit = scene.head("develop")
    scene.hub.check("ci", commit)
    scene.hub.faults["GET /pulls/1/reviews"] = [lambda: scene.hub.review("grace")]

    assert promote(scene.desk("ada"), PromoteRequest(to="staging")).ending == "done"
    assert scene.head("staging") == commit
    assert scene.hub.pull(1)["merged"]
