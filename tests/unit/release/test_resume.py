"""`resume` and `lock.steal`: finish or undo what a dead run began, whatever step it died in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scripts.errors import DeskError, Locked, Refused
from scripts.release import execute
from scripts.release.commands import deploy, promote, rollback
from scripts.release.request import (
    DeployRequest,
    PromoteRequest,
    ResumeRequest,
    RollbackRequest,
    StealRequest,
)
from scripts.release.resume import resume, steal_lock
from scripts.state.ledger import REF
from scripts.state.lock import lock_ref
from scripts.system.signals import Stop
from tests.fakes.world import World, ending

FIRST, SECOND = "20240101000000", "20240102000000"
RENAME = {
    f"supabase/migrations/{SECOND}_more.sql": "alter table a rename to b;",
    f"supabase/rollbacks/{SECOND}_more.sql": "alter table b rename to a;",
}


def die(*_: object) -> None:
    """The process ends here."""
    raise Stop("killed")


def killed(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Run until it dies, without any of its cleaning up."""
    with monkeypatch.context() as patch:
        patch.setattr(execute, "recover", lambda _run, error: error)
        with pytest.raises(DeskError):
            work()


def kill_at(world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A deploy to development that dies in a step: before its effect, or after (`published`, `pushed`)."""
    driver, database = world.drivers["development"], world.databases["development"]
    if step == "published":

        def publish() -> None:
            driver.serve(driver.workspace)
            die()

        driver.faults["publish"] = publish
    elif step == "migrate":
        database.before_push = die
    elif step == "finish":
        world.remote.before_push = lambda updates: die() if REF in {u.ref for u in updates} else None
    else:
        driver.faults[{"verify": "live"}.get(step, step)] = (
            die if step != "verify" else die_in_verify(world)
        )
    killed(monkeypatch, lambda: deploy(world.desk(), DeployRequest(env="development")))
    driver.faults.clear()
    database.before_push = lambda: None
    world.remote.before_push = lambda _: None


def die_in_verify(world: World) -> Callable[[], object]:
    """The public URL is looked at while planning too: only the look after Publish dies."""
    driver = world.drivers["development"]

    def live() -> object:
        if "publish" in driver.calls:
            die()
        return driver.served

    driver.calls.clear()
    return live


STEPS = ("build", "migrate", "publish", "published", "verify", "finish")


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_died_anywhere_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """From another clone, by another person: live, recorded once, nothing left behind."""
    deploy(world.desk(), DeployRequest(env="development"))
    wanted = world.commit("develop", RENAME)
    kill_at(world, monkeypatch, step)
    assert world.lock("development") is not None
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert world.drivers["development"].served.commit == wanted
    assert world.databases["development"].versions == [FIRST, SECOND]
    assert [event.ending for event in world.ledger.events] == ["done", "done"]
    assert world.last("development").actor == "Bob"
    assert world.databases["development"].ended == 1
    assert world.is_clean()


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_died_anywhere_is_undone_on_request(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The previous release is live and its schema back; the commit may come again."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    world.commit("develop", RENAME)
    kill_at(world, monkeypatch, step)
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development", undo=True))

    assert outcome.code == 0
    assert "was undone" in outcome.message
    assert world.drivers["development"].served.commit == good
    assert world.databases["development"].versions == [FIRST]
    assert world.last("development").ending == "error"
    assert world.is_clean()


def test_nothing_to_resume(world: World) -> None:
    """Not locked: nothing to do."""
    assert resume(world.desk(), ResumeRequest(env="development")).ending == "nothing"


def test_an_owner_who_is_alive_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """His lock moves while the other waits."""
    kill_at(world, monkeypatch, "build")
    ref = lock_ref("development")
    lock = world.lock("development")
    assert lock is not None
    desk = world.desk("Bob")

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        world.remote.refs[ref] = desk.git.commit_json("lock.json", lock.document(), "alive", None)

    error = ending(lambda: resume(replace(desk, sleep=sleep), ResumeRequest(env="development")))

    assert (type(error), error.code) == (Locked, 5)
    assert "the lock holder is alive" in error.message


def test_a_lock_that_is_released_while_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has just ended by itself."""
    kill_at(world, monkeypatch, "build")

    def sleep(_seconds: float) -> None:
        world.remote.refs.pop(lock_ref("development"), None)

    desk = replace(world.desk("Bob"), sleep=sleep)
    error = ending(lambda: resume(desk, ResumeRequest(env="development")))

    assert "has just ended by itself" in error.message


def test_only_one_of_two_takes_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other finds the lock taken."""
    kill_at(world, monkeypatch, "build")
    seen: list[DeskError] = []

    def build(*_: object) -> None:
        world.drivers["development"].faults.clear()
        seen.append(ending(lambda: deploy(world.desk("Eve"), DeployRequest(env="development"))))

    world.drivers["development"].faults["build"] = build
    resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert isinstance(seen[0], Locked)
    assert "Bob" in seen[0].message


def test_the_dead_owner_that_wakes_up_can_do_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in its build, taken over, woken: it changes nothing more."""
    deploy(world.desk(), DeployRequest(env="development"))
    wanted = world.commit("develop", RENAME)
    driver = world.drivers["development"]

    def build(*_: object) -> None:
        driver.faults.clear()
        steal_lock(world.desk("Bob"), StealRequest(env="development", reason="he sleeps"))
        driver.calls.append("woken")

    driver.faults["build"] = build
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    after = driver.calls[driver.calls.index("woken") + 1 :]

    assert (type(error), error.code) == (Locked, 5)
    assert "publish" not in after
    assert [event.ending for event in world.ledger.events] == ["done", "done"]
    assert world.last("development").actor == "Bob"
    assert driver.served.commit == wanted
    assert world.is_clean()


def test_stealing_needs_a_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the lock and the ledger."""
    kill_at(world, monkeypatch, "build")
    error = ending(lambda: steal_lock(world.desk("Bob"), StealRequest(env="development")))

    assert isinstance(error, Refused)
    assert world.lock("development") is not None


def test_stealing_what_is_not_locked(world: World) -> None:
    """Nothing to do."""
    asked = StealRequest(env="development", reason="x")

    assert steal_lock(world.desk(), asked).ending == "nothing"


def test_what_was_agreed_to_counts_for_whoever_resumes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock holds the request: nobody is asked a second time for `--accept-irreversible`."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    world.commit("develop", {f"supabase/migrations/{SECOND}_more.sql": "drop table a;"})
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    world.drivers["production"].faults["publish"] = die
    asked = PromoteRequest(to="production", yes=True, accept_irreversible=True)
    killed(monkeypatch, lambda: promote(world.desk(), asked))
    world.drivers["production"].faults.clear()
    lock = world.lock("production")
    outcome = resume(world.desk("Bob"), ResumeRequest(env="production", yes=True))

    assert lock is not None
    assert lock.request["accept_irreversible"] is True
    assert outcome.code == 0
    assert world.head("main") == world.head("develop")
    assert world.is_clean()


def test_a_rollback_that_died_is_finished(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the release that its lock names, whatever the ledger would choose now."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    world.drivers["development"].faults["publish"] = die
    asked = RollbackRequest(env="development", reason="broken")
    killed(monkeypatch, lambda: rollback(world.desk(), asked))
    world.drivers["development"].faults.clear()
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert world.drivers["development"].served.commit == good
    assert (world.last("development").kind, world.last("development").detail["to"]) == ("rollback", "v1")
    assert world.last("development").detail["reason"] == "broken"


def test_a_run_that_had_finished_leaves_only_its_lock(world: World) -> None:
    """Somebody put the lock back: nothing is released a second time."""
    deploy(world.desk(), DeployRequest(env="development"))
    desk = world.desk()
    lock = {"run": "dead", "task": "deploy", "environment": "development", "commit": world.head("develop")}
    world.remote.refs[lock_ref("development")] = desk.git.commit_json("lock.json", lock, "lock", None)
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert "had left nothing but its lock" in outcome.message
    assert len(world.ledger.events) == 1
    assert world.is_clean()


def test_a_guarded_environment_asks_before_it_is_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody types its name: the lock stays."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    world.drivers["production"].faults["build"] = die
    killed(monkeypatch, lambda: promote(world.desk(), PromoteRequest(to="production", yes=True)))
    error = ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="production")))

    assert error.code == 6
    assert world.lock("production") is not None
