"""A rollback that fails after its data were switched: all is as it was, or code 7 says what is what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.database.restore import way_back
from scripts.database.restore.kept import Kept
from scripts.database.restore.plan import Counts
from scripts.database.restore.way_back import PutBack
from scripts.errors import (
    CommandFailed,
    DeskError,
    Interrupted,
    LiveUnknown,
    Locked,
    ReleaseFailed,
    Unreachable,
)
from scripts.release import functions, publish, recover
from scripts.release.commands import deploy
from scripts.release.request import DeployRequest, RollbackRequest
from scripts.release.run import ReleaseRun
from scripts.replit.live import Expected
from scripts.state.lock import LOCK_FILE, lock_ref
from tests.fakes.driver import FakeDriver
from tests.fakes.world import World
from tests.unit.release.samples import begun

OUTCOME = {"scope": "full", "backup": "b1", "aside": "", "way_back": "`the command`"}


@pytest.fixture
def driver(world: World) -> FakeDriver:
    """The driver of development, where v2 is live."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    return world.drivers["development"]


@pytest.fixture
def back(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What the public URL answered whenever the present data were put back."""
    made: list[str | None] = []

    def put_back(*_: object, **__: object) -> PutBack:
        made.append(world.drivers["development"].served.commit)
        world.kept.clear()
        return PutBack(Counts((), {}), aside=False)

    monkeypatch.setattr(way_back, "put_back", put_back)
    return made


@pytest.fixture
def run(world: World, driver: FakeDriver, back: list[str | None]) -> ReleaseRun:
    """A rollback to v1 whose data are switched, and whose workspace is built."""
    made = begun(world, RollbackRequest(env="development"))
    publish.build(made, made.plan.facts.expected)
    made.switched, made.restored = made.id, {**OUTCOME, "aside": made.id}
    world.kept["development"] = [Kept(made.id, "until", {"public": "x"}, outcome=made.restored)]
    return made


def fail_at(run: ReleaseRun, step: str, error: DeskError) -> DeskError:
    """Let a step fail, and recover."""
    with pytest.raises(type(error)), run.step(step):
        raise error
    return recover.recover(run, error)


def is_present(world: World, driver: FakeDriver, back: list[str | None]) -> bool:
    """The present release is live and built, with the present data; nothing is left."""
    present = world.head("develop")
    built = driver.workspace is not None and driver.workspace.commit == present
    return driver.served.commit == present and built and len(back) == 1 and world.is_clean()


def test_a_publish_that_was_refused_puts_the_data_back(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None]
) -> None:
    """It was never begun: no other Publish is needed."""

    def refuse() -> None:
        raise CommandFailed("Replit refused")

    driver.faults["publish"] = refuse
    with pytest.raises(CommandFailed) as caught:
        publish.publish(run)
    error = recover.recover(run, caught.value)

    assert type(error) is CommandFailed
    assert "`v2`" in error.message
    assert "is still live; the data of development are those of before again, every row" in error.message
    assert driver.calls.count("publish") == 3
    assert is_present(world, driver, back)
    assert world.last("development").detail["restored"] is None


@pytest.mark.parametrize("error", [ReleaseFailed("it answers 500"), CommandFailed("ssh broke")])
def test_older_code_that_fails_goes_before_the_data(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None], error: DeskError
) -> None:
    """It has its own data until the present release is published again."""
    publish.publish(run)
    found = fail_at(run, "verify", error)

    assert found is error
    assert "is live again; the data of development are those of before" in found.message
    assert back == [world.head("develop")]
    assert is_present(world, driver, back)


def test_a_publish_that_did_not_arrive_is_published_over(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None]
) -> None:
    """The present release is still live: its data come first."""
    run.sent = True
    fail_at(run, "verify", ReleaseFailed("Replit could not publish"))

    assert driver.calls[-1] == "publish"
    assert is_present(world, driver, back)


def test_if_the_present_release_can_not_be_published_the_older_one_keeps_its_data(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None]
) -> None:
    """Code 7 with what is what; the lock is left to `resume`."""
    publish.publish(run)

    def down() -> None:
        raise CommandFailed("Replit is down")

    driver.faults["publish"] = down
    error = fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert isinstance(error, LiveUnknown)
    assert (error.code, error.resumable, back) == (7, True, [])
    assert "Replit is down" in error.message
    assert "the data are those of `b1`; back to those of before: `the command`" in error.message
    assert world.lock("development") is not None


def test_data_that_do_not_come_back_are_told(
    world: World, run: ReleaseRun, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The present code is live over the older data: `resume` goes on."""

    def away(*_: object, **__: object) -> PutBack:
        raise Unreachable("no connection\n  | more")

    monkeypatch.setattr(way_back, "put_back", away)
    error = fail_at(run, "scan", CommandFailed("the remote is away"))

    assert isinstance(error, LiveUnknown)
    assert error.resumable
    assert "is still live; its data are not back: no connection" in error.message
    assert "`invoke resume --env development`" in str(error.hint)
    assert world.lock("development") is not None


def test_an_interruption_before_the_publish_puts_the_data_back(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None]
) -> None:
    """There is no time to build."""
    calls = list(driver.calls)
    error = fail_at(run, "scan", Interrupted("interrupted by SIGTERM"))

    assert type(error) is Interrupted
    assert "press no Publish" in error.message
    assert (driver.calls, len(back)) == (calls, 1)
    assert world.is_clean()


@pytest.mark.parametrize(
    "error", [Interrupted("interrupted by SIGTERM"), LiveUnknown("it may still change", resumable=True)]
)
def test_what_nobody_knows_after_the_publish_is_left_to_resume(
    world: World, run: ReleaseRun, back: list[str | None], error: DeskError
) -> None:
    """Code and data stay as they are, and are named."""
    publish.publish(run)
    found = fail_at(run, "verify", error)

    assert isinstance(found, LiveUnknown)
    assert (found.resumable, back) == (True, [])
    assert "the data are those of `b1`" in found.message
    assert world.lock("development") is not None


def test_a_rollback_that_can_not_be_written_down_is_done(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None]
) -> None:
    """The older code is proven live with its data: nothing goes back."""
    publish.publish(run)
    error = fail_at(run, "finish", CommandFailed("the remote refused the push"))

    assert type(error) is CommandFailed
    assert "the data are those of `b1`" in error.message
    assert back == []
    assert world.last("development").detail["restored"]["aside"] == run.id


@pytest.mark.parametrize("arrived", [True, False])
def test_where_a_person_publishes_the_data_follow_what_is_live(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None], arrived: bool
) -> None:
    """He did press it, or he did not."""
    driver.unattended = False
    run.sent = True
    if arrived:
        driver.serve(driver.workspace)
    error = fail_at(run, "verify", ReleaseFailed("it is not what was released"))

    assert len(back) == (0 if arrived else 1)
    assert isinstance(error, LiveUnknown) == arrived
    assert driver.calls.count("publish") == 2
    assert world.is_clean()
    assert arrived or is_present(world, driver, back)


def test_a_run_that_lost_its_lock_leaves_the_data_alone(
    world: World, run: ReleaseRun, back: list[str | None]
) -> None:
    """The new holder decides."""
    world.remote.refs[lock_ref("development")] = world.remote.commit({LOCK_FILE: "{}"})
    with pytest.raises(Locked) as caught:
        publish.publish(run)
    error = recover.recover(run, caught.value)

    assert (type(error), back) == (Locked, [])
    assert "the data are those of `b1`" in error.message


def test_a_commit_whose_answer_was_lost_is_asked_about(
    world: World, run: ReleaseRun, driver: FakeDriver, back: list[str | None]
) -> None:
    """The server says that it arrived."""
    run.switched, run.restored = "", None
    error = fail_at(run, "switch", Interrupted("interrupted by SIGTERM"))

    assert type(error) is Interrupted
    assert len(back) == 1
    assert world.is_clean()


def test_the_first_release_has_nothing_to_go_back_to(run: ReleaseRun, back: list[str | None]) -> None:
    """Which a rollback never meets; it would be said."""
    facts = run.plan.facts
    run.plan = replace(run.plan, facts=replace(facts, ledger=replace(facts.ledger, events=())))

    assert isinstance(fail_at(run, "scan", CommandFailed("x")), LiveUnknown)
    assert back == []


def test_expected_is_what_the_present_release_was_built_for(run: ReleaseRun, driver: FakeDriver) -> None:
    """Its stamp, which the public URL must answer again."""
    publish.publish(run)
    previous = run.plan.facts.previous
    assert previous is not None
    fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert driver.workspace == Expected(previous.commit, "development", previous.built_for)


@pytest.mark.parametrize("published", [False, True], ids=["before", "after"])
def test_edge_functions_go_with_the_code(world: World, back: list[str | None], *, published: bool) -> None:
    """Those of the present release are deployed again, before or after the older code was published."""
    project = world.projects["development"]
    for text in ("// one", "// two"):
        world.commit("develop", {"supabase/functions/hello/index.ts": text})
        deploy(world.desk(), DeployRequest(env="development"))
    present = project.sources["hello"]
    run = begun(world, RollbackRequest(env="development"))
    publish.build(run, run.plan.facts.expected)
    run.switched, run.restored = run.id, {**OUTCOME, "aside": run.id}
    world.kept["development"] = [Kept(run.id, "until", {"public": "x"}, outcome=run.restored)]
    functions.deploy(run)
    assert project.sources["hello"] != present
    if published:
        publish.publish(run)
    error = fail_at(run, "verify" if published else "scan", ReleaseFailed("it answers 500"))

    assert "Edge Functions of `v2` again: `hello`" in error.message
    assert project.sources["hello"] == present
    assert is_present(world, world.drivers["development"], back)
