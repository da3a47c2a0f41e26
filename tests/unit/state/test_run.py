"""A run's steps: each is in the journal before and after, under a lock that is still held."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from scripts.errors import CommandFailed, Locked
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.journal import Journal
from scripts.state.lock import LOCK_FILE, lock_ref
from scripts.state.run import Run
from scripts.system.signals import Stop
from tests.fakes.world import Notes, World, ending


@pytest.fixture
def run(world: World) -> Run:
    """A run that holds staging."""
    desk = world.desk()
    lock = HeldLock(desk, new_lock(desk, "staging", "deploy", world.head("develop"), run="r1"))
    lock.acquire()
    return Run(desk=desk, lock=lock, journal=Journal(world.folder / "runs", "r1"))


def notes(run: Run) -> Notes:
    """What people saw."""
    return cast(Notes, run.desk.progress)


def lines(run: Run) -> list[dict[str, Any]]:
    """The journal."""
    text = run.journal.file.read_text(encoding="utf-8") if run.journal.file.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def steal(world: World) -> None:
    """Another run moves the lock."""
    world.remote.refs[lock_ref("staging")] = world.remote.commit({LOCK_FILE: "{}"})


def test_a_run_knows_its_id_and_where_it_stands(run: Run) -> None:
    """Before the first step it is at the lock."""
    assert (run.id, run.at) == ("r1", "lock")
    with run.step("build"):
        assert run.at == "build"
    assert run.at == "build"


def test_a_step_is_in_the_journal_before_it_goes_on(run: Run, world: World) -> None:
    """The intent first; the ending, with its seconds, afterwards."""
    with run.step("build", "the workspace"):
        during = lines(run)
        world.clock.sleep(1.234)

    assert [(each["step"], each["state"], each["detail"]) for each in during] == [
        ("build", "intent", "the workspace")
    ]
    assert [each["state"] for each in lines(run)] == ["intent", "done"]
    assert run.steps == [{"name": "build", "seconds": 1.23, "ending": "done"}]
    assert notes(run).steps == ["build"]


@pytest.mark.parametrize("fault", [CommandFailed("no"), Stop("SIGTERM"), ZeroDivisionError()])
def test_a_step_that_fails_is_marked_failed(run: Run, fault: BaseException) -> None:
    """Whatever it was, and it goes on to the caller."""
    with pytest.raises(type(fault)), run.step("build"):
        raise fault

    assert [each["state"] for each in lines(run)] == ["intent", "failed"]
    assert run.steps[-1]["ending"] == "failed"


def test_the_step_that_still_runs_is_in_no_event(run: Run) -> None:
    """The one that writes the ledger is not over when the event is made."""
    with run.step("verify"):
        pass
    with run.step("finish"):
        assert [step["name"] for step in run.ended_steps] == ["verify"]


def test_the_next_heartbeat_says_the_step(run: Run, world: World) -> None:
    """With the digest of the journal so far."""
    with run.step("migrate"):
        digest = run.journal.digest
        run.lock.heartbeat()
    held = world.lock("staging")

    assert held is not None
    assert (held.step, held.journal) == ("migrate", digest)


@pytest.mark.parametrize(("step", "stops"), [("build", False), ("verify", False), ("publish", True)])
def test_only_a_step_that_can_not_be_repeated_asks_the_remote(
    run: Run, world: World, step: str, stops: bool
) -> None:
    """Of the others a lost lock is known by the heartbeats."""
    steal(world)
    done = []

    def work() -> None:
        with run.step(step):
            done.append(step)

    if stops:
        assert type(ending(work)) is Locked
        assert [each["state"] for each in lines(run)] == ["failed"]
    else:
        work()
    assert done == ([] if stops else [step])


def test_a_step_that_is_in_no_table_is_a_bug(run: Run) -> None:
    """It does not begin."""
    with pytest.raises(KeyError), run.step("dance"):
        raise AssertionError("not reached")

    assert run.steps == []


# ---------------------------------------------------------------------------------- an optional step


def test_an_optional_step_that_fails_is_a_warning(run: Run) -> None:
    """The run goes on, and a person learns what to do."""
    with run.optional_step("analyze", "statistics", remedy="`analyze;` does it"):
        raise CommandFailed("out of memory")

    assert notes(run).lines == ["warning: `analyze` failed: out of memory\n  | `analyze;` does it"]
    assert run.steps == [{"name": "analyze", "seconds": 0.0, "ending": "failed"}]


def test_an_optional_step_that_is_done_says_nothing(run: Run) -> None:
    """Like any other."""
    with run.optional_step("analyze", "statistics", remedy="x"):
        pass

    assert notes(run).lines == []
    assert run.steps[-1]["ending"] == "done"


@pytest.mark.parametrize("fault", [Locked("taken over"), ZeroDivisionError(), Stop("SIGTERM")])
def test_a_lost_lock_a_bug_and_a_signal_are_no_warnings(run: Run, fault: BaseException) -> None:
    """They end the run."""
    with pytest.raises(type(fault)), run.optional_step("analyze", "statistics", remedy="x"):
        raise fault

    assert notes(run).lines == []
