"""The last line of a task: what is live, whether the lock is free, what to type next; each as it is."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.branches.request import BackmergeRequest
from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.errors import Interrupted, Refused, Unreachable
from scripts.release import closing
from scripts.release.closing import closed
from scripts.release.commands import deploy, rollback
from scripts.release.request import DeployRequest, FreezeRequest, RollbackRequest, StatusRequest
from scripts.replit.live import Answer
from scripts.state.held_lock import HeldLock
from scripts.state.lock import FREE, LOCK_FILE, lock_ref
from scripts.system.signals import Stop, as_desk_error
from tests.fakes.world import World

DEPLOY = DeployRequest(env="development", yes=True)
MIGRATION = {"supabase/migrations/20240102000000_more.sql": "create table b ();"}


def ended(world: World, request: Request, work: Any = deploy) -> Outcome:
    """How a task ends, as `app.py` has it."""
    desk = world.desk()
    try:
        outcome = work(desk, request)
    except BaseException as fault:
        error = as_desk_error(fault)
        if error is None:
            raise
        outcome = Outcome.of(error)
    return closed(desk, request, outcome, "invoke deploy --env development")


def released(world: World, subject: str = "Say Paris") -> str:
    """Release a commit, and have the next one wait."""
    commit = world.commit("develop", subject=subject)
    assert ended(world, DEPLOY).code == 0
    return commit


def fails_with(fault: BaseException) -> Any:
    """What raises it."""

    def raise_it(*_: object) -> None:
        raise fault

    return raise_it


def test_a_release_says_so_without_another_look(world: World) -> None:
    """It was verified, and the push that recorded it freed the lock."""
    commit = world.commit("develop", subject="Say Paris")
    desk = world.desk()
    outcome = deploy(desk, DEPLOY)
    world.remote.before_push = fails_with(Unreachable("away"))
    world.drivers["development"].faults["live"] = fails_with(AssertionError())
    end = closed(desk, DEPLOY, outcome)

    assert end.closing == f'development serves v1 {commit[:8]} "Say Paris"; the lock is free'
    assert end.data["lock"] == FREE
    assert end.data["serves"] == {"release": "v1", "commit": commit, "subject": "Say Paris"}
    assert end.data["next"] == ["invoke promote --to staging"]


@pytest.mark.parametrize("step", ["build", "scan", "migrate", "publish"])
def test_an_interruption_before_the_publish(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Nothing was published: what was live still is, as it is read again, and the lock is free."""
    commit = released(world)
    world.commit("develop", MIGRATION, subject="Say Rome")
    note = HeldLock.note

    def interrupted(lock: HeldLock, name: str, *more: Any) -> None:
        note(lock, name, *more)
        if name == step:
            raise Stop("interrupted by SIGINT")

    monkeypatch.setattr(HeldLock, "note", interrupted)
    end = ended(world, DEPLOY)

    assert (end.code, end.data["live"], end.data["lock"]) == (130, commit, FREE)
    assert end.message.splitlines()[0] == f"interrupted by SIGINT in `{step}`: nothing was published"
    assert end.closing == f'development serves v1 {commit[:8]} "Say Paris"; the lock is free'
    assert end.data["next"] == ["invoke deploy --env development"]
    assert world.lock("development") is None
    assert "publish" not in world.drivers["development"].calls[3:]


def test_an_interruption_after_the_publish_keeps_the_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says until when, and names `resume`."""
    released(world)
    wanted = world.commit("develop", subject="Say Rome")
    note = HeldLock.note

    def interrupted(lock: HeldLock, name: str, *more: Any) -> None:
        note(lock, name, *more)
        if name == "verify":
            raise Stop("interrupted by SIGINT")

    monkeypatch.setattr(HeldLock, "note", interrupted)
    end = ended(world, DEPLOY)

    assert (end.code, end.data["live"], end.data["serves"]["release"]) == (7, wanted, None)
    assert f'serves {wanted[:8]} "Say Rome", which is no release; the lock stays until' in end.closing
    assert (end.data["lock"]["state"], end.data["lock"]["own"]) == ("held", True)
    assert end.data["lock"]["until"]
    assert end.data["next"] == ["invoke resume --env development"]
    assert world.lock("development") is not None


def test_a_release_that_was_taken_back_is_read_again(world: World) -> None:
    """What stands there is what the URL answers after the undo."""
    commit = released(world)
    world.commit("develop", subject="Break it")
    driver = world.drivers["development"]

    def broken() -> None:
        driver.serve(driver.workspace, pages=(("/", 500),))
        driver.faults.pop("publish")

    driver.faults["publish"] = broken
    end = ended(world, DEPLOY)

    assert end.code == 1
    assert end.closing == f'development serves v1 {commit[:8]} "Say Paris"; the lock is free'
    assert end.data["next"]


def test_what_can_not_be_read_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the URL nor the remote answers: nothing is taken for known."""
    released(world)
    monkeypatch.setattr(closing, "HURRY", 0.0)
    world.drivers["development"].faults["live"] = lambda: Answer(None, error="connection refused")
    monkeypatch.setattr("tests.fakes.git.FakeGit.ls_remote", fails_with(Unreachable("no route\nmore")))
    end = closed(world.desk(), DEPLOY, Outcome.of(Refused("no")))

    assert end.closing == (
        "development gives no answer (connection refused); the lock could not be read (no route)"
    )
    assert end.data["live"] is None
    assert end.data["lock"] == {"state": "unknown", "why": "no route"}
    assert end.data["next"] == ["invoke status"]


def test_locks_that_cannot_be_read_after_a_back_merge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ending says so, and is not lost."""
    monkeypatch.setattr("tests.fakes.git.FakeGit.ls_remote", fails_with(Unreachable("no route\nmore")))
    end = closed(world.desk(), BackmergeRequest(), Outcome.of(Interrupted("interrupted by SIGINT")))

    assert end.closing.endswith("; the lock could not be read (no route)")
    assert end.data["lock"] == {"state": "unknown", "why": "no route"}


def test_a_look_that_takes_too_long_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled CI job is killed soon."""
    released(world)
    monkeypatch.setattr(closing, "HURRY", 0.0)
    world.drivers["development"].faults["live"] = lambda: __import__("threading").Event().wait(5)
    end = closed(world.desk(), DEPLOY, Outcome.of(Interrupted("interrupted by SIGINT")))

    assert "could not be looked at (no answer in time)" in end.closing


def test_a_page_that_fails_is_named(world: World) -> None:
    """What is live is not enough where it does not work."""
    released(world)
    driver = world.drivers["development"]
    driver.serve(driver.workspace, pages=(("/", 500),))
    end = closed(world.desk(), FreezeRequest(env="dev"), Outcome.done("frozen"))

    assert "(`/` gives 500); the lock is free" in end.closing


def test_a_lock_that_cannot_be_read_is_told(world: World) -> None:
    """With what is wrong with it; nobody owns it."""
    world.remote.refs[lock_ref("development")] = world.remote.commit({LOCK_FILE: "[]"})
    end = closed(world.desk(), FreezeRequest(env="dev"), Outcome.done("frozen"))

    assert end.closing.endswith("the lock can't be read: its `lock.json` is no JSON object")


def test_the_lock_of_somebody_else_is_named(world: World) -> None:
    """Who, with what; nobody knows until when."""
    released(world)
    wanted = world.commit("develop", subject="Say Rome")
    held: list[Outcome] = []

    def build(*_: object) -> None:
        held.append(ended(world, DEPLOY))

    world.drivers["development"].faults["build"] = build
    ended(world, DEPLOY)

    assert held[0].code == 5
    assert held[0].closing.endswith("the lock is held by Ada (`deploy`), until that ends")
    assert held[0].data["lock"]["state"] == "held"
    assert held[0].data["lock"]["until"] is None
    assert world.head("develop") == wanted


def test_a_rollback_says_what_is_live_again(world: World) -> None:
    """And what to type when the fault is fixed."""
    first = released(world)
    released(world, "Say Rome")
    end = ended(world, RollbackRequest(env="development", yes=True), rollback)

    assert end.closing == f'development serves v3 {first[:8]} "Say Paris"; the lock is free'
    assert end.data["next"][0] == "invoke release-hold --env development"


@pytest.mark.parametrize(
    "request_", [StatusRequest(), DeployRequest(env="development", plan=True), DeployRequest(env="nowhere")]
)
def test_what_changes_nothing_says_nothing(world: World, request_: Request) -> None:
    """A report, a plan, and an environment that there is not."""
    outcome = Outcome.of(Refused("no"))

    assert closed(world.desk(), request_, outcome) == outcome


def test_a_back_merge_names_what_is_locked(world: World) -> None:
    """It moves branches alone."""
    end = closed(world.desk(), BackmergeRequest(all=True), Outcome.nothing("nothing to do"))

    assert end.closing == "a back-merge releases nothing: what is live stays; no environment is locked"
    assert end.hint == "next: `invoke status`"
    assert end.data["lock"] == FREE
