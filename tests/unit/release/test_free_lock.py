"""A lock that no desk wrote can be taken, by `lock.steal` at once, and by `resume` after a silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.git.merge import MergingGit
from scripts.release.commands import deploy
from scripts.release.request import (
    DeployRequest,
    LocksRequest,
    ResumeRequest,
    StatusRequest,
    StealRequest,
)
from scripts.release.resume import resume, steal_lock
from scripts.release.status import show_locks, status
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import LOCK_FILE, lock_ref
from scripts.state.remote import locked, read_lock, record
from tests.fakes.world import World, ending
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository, seeded

GOOD: dict[str, Any] = {"run": "r1", "commit": "a" * 40, "environment": "development", "task": "deploy"}
BAD: list[tuple[str, dict[str, str]]] = [
    ("is no JSON", {LOCK_FILE: "{not json"}),
    ("is no JSON", {LOCK_FILE: ""}),
    ("is no JSON object", {LOCK_FILE: "[1]"}),
    ("no file `lock.json`", {"other.json": "{}"}),
    ("its `run` is no id", {LOCK_FILE: "{}"}),
    ("its `run` is no id", {LOCK_FILE: json.dumps({**GOOD, "run": "../../x"})}),
    ("its `commit` is no commit id", {LOCK_FILE: json.dumps({**GOOD, "commit": "--upload-pack=x"})}),
    ("its `commit` is no commit id", {LOCK_FILE: json.dumps({**GOOD, "commit": 5})}),
    ("it is not of development", {LOCK_FILE: json.dumps({**GOOD, "environment": "production"})}),
]
LOCK = lock_ref("development")


@pytest.mark.parametrize(("fault", "files"), BAD, ids=lambda each: str(each)[:24])
@pytest.mark.parametrize("task", ["steal", "resume"])
def test_a_lock_that_can_not_be_read_is_taken(
    world: World, task: str, fault: str, files: dict[str, str]
) -> None:
    """It is named by everybody whom it stops; afterwards it is gone, and what is live is said."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.remote.refs[LOCK] = world.remote.commit(files)
    desk = world.desk()
    world.commit("develop", {"file": "new"})
    error = ending(lambda: deploy(desk, DeployRequest(env="development")))
    assert error.code == 5
    assert "a lock that can't be read" in error.message
    assert fault in error.message
    assert fault in show_locks(desk, LocksRequest(env="development")).message
    assert fault in str(status(desk, StatusRequest()).data["environments"][0]["problems"])

    if task == "steal":
        outcome = steal_lock(desk, StealRequest(env="development", reason="by hand"))
        assert world.clock.seconds < 1
    else:
        outcome = resume(desk, ResumeRequest(env="development"))
        assert world.clock.seconds >= world.settings.lock.ttl
    assert outcome.code == 0
    assert "the lock of development is free" in outcome.message
    assert "as v1" in outcome.message
    assert world.is_clean()
    assert deploy(desk, DeployRequest(env="development")).data["release"] == "v2"


def test_a_task_that_this_desk_does_not_know_is_not_finished_as_another(world: World) -> None:
    """A newer desk has begun it: its lock is freed, nothing is released."""
    deploy(world.desk(), DeployRequest(env="development"))
    new = world.commit("develop", {"file": "new"})
    document = {**GOOD, "commit": new, "task": "canary"}
    world.remote.refs[LOCK] = world.remote.commit({LOCK_FILE: json.dumps(document)})
    before = len(world.ledger.events)
    outcome = steal_lock(world.desk(), StealRequest(env="development", reason="old"))

    assert "`canary`" in outcome.message
    assert len(world.ledger.events) == before
    assert world.is_clean()


def test_a_lock_that_is_replaced_meanwhile_is_not_taken(world: World) -> None:
    """Compare and swap, as always."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.remote.refs[LOCK] = world.remote.commit({LOCK_FILE: "{"})
    other = world.remote.commit({LOCK_FILE: json.dumps(GOOD)})

    def replaced(_updates: object) -> None:
        world.remote.refs[LOCK] = other

    world.remote.before_push = replaced
    assert ending(lambda: steal_lock(world.desk(), StealRequest(env="development", reason="x"))).code == 5
    assert world.remote.refs[LOCK] == other


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Repository, Repository, Desk]:
    """A real remote, a person's clone, and a desk in it."""
    origin, person = seeded(tmp_path)
    desk = fake_desk(tmp_path, git=MergingGit(person.folder, "origin"), clock=lambda: 0.0)
    record(desk, "development", "release", commit=person.git("rev-parse", "HEAD"), release="v1", run="r1")
    return origin, person, desk


@pytest.mark.parametrize("what", ["blob", "tree", "commit", "tag"])
def test_whatever_a_lock_ref_points_at_in_real_git(
    scene: tuple[Repository, Repository, Desk], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blob, a tree, a tag: each is told, and can be taken."""
    origin, _person, desk = scene
    blob = origin.git("hash-object", "-w", "--stdin", stdin="{not json")
    tree = origin.git("mktree", stdin=f"100644 blob {blob}\t{LOCK_FILE}\n")
    commit = origin.git("commit-tree", tree, "-m", "by hand")
    origin.git("tag", "-a", "odd", "-m", "x", commit)
    found = {"blob": blob, "tree": tree, "commit": commit, "tag": origin.git("rev-parse", "odd")}
    origin.git("update-ref", LOCK, found[what])
    environment = desk.settings.environment("development")
    lock = read_lock(desk, desk.git.fetch([LOCK]), environment)

    assert lock is not None
    assert not lock.readable
    assert "a lock that can't be read" in locked(desk, environment).message
    monkeypatch.setattr("scripts.release.resume._end_sessions", lambda *_: None)
    outcome = steal_lock(desk, StealRequest(env="development", reason="by hand"))
    assert outcome.code == 0
    assert LOCK not in origin.refs()


@pytest.mark.parametrize("ref", [f"{LOCK}/x", "refs/deploy/candidate/development", "refs/deploy/lock"])
def test_a_ref_in_the_way_of_the_lock_is_named_and_removed(world: World, ref: str) -> None:
    """Beside it git can make no lock: no task could run, and none said why."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.remote.refs[ref] = world.head("develop")
    desk = world.desk()

    assert (
        f"`{ref}` on the remote is in the way" in show_locks(desk, LocksRequest(env="development")).message
    )
    assert "is in the way" in str(status(desk, StatusRequest()).data["environments"][0]["problems"])
    outcome = steal_lock(desk, StealRequest(env="development", reason="by hand"))

    assert (outcome.ending, ref in outcome.message) == ("done", True)
    assert ref not in world.remote.refs
    assert show_locks(desk, LocksRequest(env="development")).ending == "nothing"


def test_a_push_of_the_lock_that_such_a_ref_stops_says_so(tmp_path: Path) -> None:
    """With a real remote: git's own words are about a lock of another kind."""
    origin, person = seeded(tmp_path)
    commit = person.git("rev-parse", "HEAD").strip()
    origin.git("update-ref", f"{LOCK}/x", commit)
    desk = fake_desk(tmp_path, git=MergingGit(person.folder, "origin"))

    error = ending(HeldLock(desk, new_lock(desk, "development", "deploy", commit)).begin)

    assert f"`{LOCK}/x` on the remote is in the way of the lock" in error.message
    assert "invoke lock.steal --env development" in str(error.hint)
