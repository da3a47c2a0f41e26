"""A run that failed: put back what can be, record what is true, free the lock or leave it to `resume`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from scripts.errors import (
    CommandFailed,
    CommandTimedOut,
    DeskError,
    Interrupted,
    LiveUnknown,
    Locked,
    PushRefused,
    Refused,
    ReleaseFailed,
    TakenBack,
    Unreachable,
)
from scripts.git.command import Update
from scripts.release import messages, publish, recover
from scripts.release.commands import deploy, rollback
from scripts.release.request import DeployRequest, ResumeRequest, RollbackRequest
from scripts.release.resume import resume
from scripts.release.run import ReleaseRun, write_down
from scripts.replit.live import Answer
from scripts.state import ledger
from scripts.state.lock import LOCK_FILE, lock_ref
from scripts.system.signals import Stop
from tests.fakes.driver import FakeDriver
from tests.fakes.world import Notes, World, ending
from tests.unit.release.samples import begun

FIRST, SECOND = "20240101000000", "20240102000000"
RENAME = {
    f"supabase/migrations/{SECOND}_more.sql": "alter table a rename to b;",
    f"supabase/rollbacks/{SECOND}_more.sql": "alter table b rename to a;",
}
LOCK = lock_ref("development")
SILENT = Answer(None, error="timed out")


@pytest.fixture
def driver(world: World) -> FakeDriver:
    """The driver of development."""
    return world.drivers["development"]


@pytest.fixture
def first(world: World) -> str:
    """v1 is live on development; gives its commit."""
    deploy(world.desk(), DeployRequest(env="development"))
    return world.head("develop")


@pytest.fixture
def run(world: World, first: str) -> ReleaseRun:
    """A second release that holds its lock, and has done nothing else."""
    world.commit("develop", {"file": "new"})
    return begun(world)


def fail_at(run: ReleaseRun, step: str, error: DeskError) -> DeskError:
    """Let a step fail, and recover."""
    with pytest.raises(type(error)), run.step(step):
        raise error
    return recover.recover(run, error)


def built(run: ReleaseRun) -> ReleaseRun:
    """The workspace holds the new commit."""
    publish.build(run, run.plan.facts.expected)
    return run


def published(run: ReleaseRun) -> ReleaseRun:
    """And the public URL serves it."""
    publish.publish(built(run))
    return run


def bad_commit(run: ReleaseRun) -> str:
    """The commit of the run."""
    return run.plan.facts.wanted


def steal(world: World) -> str:
    """Another run takes the lock; gives its commit."""
    world.remote.refs[LOCK] = world.remote.commit({LOCK_FILE: "{}"})
    return world.remote.refs[LOCK]


# ------------------------------------------------------------------------------------- what is recorded


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (ReleaseFailed("it answers 500"), "failed"),
        (TakenBack("it was going back", bad=True), "failed"),
        (TakenBack("undone on request", bad=False), "error"),
        (CommandFailed("no room left"), "error"),
        (CommandTimedOut("it took too long"), "error"),
        (Refused("it would block writers"), "error"),
        (Interrupted("interrupted by SIGTERM"), "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DeskError) else value,
)
def test_only_a_commit_that_proved_bad_is_marked_failed(
    world: World, run: ReleaseRun, error: DeskError, recorded: str
) -> None:
    """A fault of the desk or the network says nothing about it. The lock is free in any case."""
    reason = error.message
    found = fail_at(run, "backup", error)
    event = world.last("development")

    assert (event.ending, event.release, event.commit) == (recorded, "v2", bad_commit(run))
    assert (event.detail["at_step"], event.detail["reason"]) == ("backup", reason)
    assert found.data["release"] == "v2"
    assert found.data["steps"][1] == {"name": "backup", "seconds": 0.0, "ending": "failed"}
    assert world.is_clean()


def test_only_the_first_line_of_the_reason_goes_to_the_ledger(world: World, run: ReleaseRun) -> None:
    """The rest is for the terminal."""
    fail_at(run, "backup", CommandFailed("pg_dump failed\n  | many words"))

    assert world.last("development").detail["reason"] == "pg_dump failed"


def test_migrations_that_are_applied_are_told(world: World, first: str) -> None:
    """Whatever failed after them."""
    world.commit("develop", {f"supabase/migrations/{SECOND}_more.sql": "create table b ();"})
    run = begun(world)
    run.migrated = (f"{SECOND}_more.sql",)
    found = fail_at(run, "backup", CommandFailed("no room left"))

    assert f"`{SECOND}_more.sql`" in found.message
    assert "older code works with it" in found.message


# ------------------------------------------------------------------------------- before anything is live


def test_what_fails_before_the_build_leaves_all_as_it_is(
    world: World, run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """Not even the workspace is touched."""
    calls = list(driver.calls)
    error = CommandFailed("no room left")

    assert fail_at(run, "backup", error) is error
    assert error.message == "no room left"
    assert driver.calls == calls
    assert driver.served.commit == first


def test_a_workspace_that_was_built_is_put_back(
    world: World, run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """A Publish by hand must not ship what is not released."""
    error = fail_at(built(run), "backup", CommandFailed("no room left"))

    assert driver.workspace is not None
    assert driver.workspace.commit == first
    assert error.message == "no room left"
    assert "publish" not in driver.calls[2:]


def test_a_workspace_that_can_not_be_put_back_is_told(run: ReleaseRun, driver: FakeDriver) -> None:
    """With its reason; the first error stays the error."""
    built(run)

    def build(*_: object) -> None:
        raise Unreachable("no answer from the workspace")

    driver.faults["build"] = build
    error = fail_at(run, "backup", CommandFailed("no room left"))

    assert type(error) is CommandFailed
    assert "press no Publish" in error.message
    assert "no answer from the workspace" in error.message


@pytest.mark.parametrize("error", [Interrupted("interrupted by SIGTERM"), Locked("taken over")])
def test_without_time_or_right_to_build_a_person_is_warned(
    run: ReleaseRun, driver: FakeDriver, error: DeskError
) -> None:
    """The workspace holds a commit that is not released."""
    built(run)
    calls = list(driver.calls)
    found = fail_at(run, "backup", error)

    assert f"built to `{bad_commit(run)[:12]}`: press no Publish" in found.message
    assert driver.calls == calls


def test_before_the_first_release_there_is_nothing_to_put_back(world: World, driver: FakeDriver) -> None:
    """The workspace stays as it was built."""
    run = built(begun(world))
    error = fail_at(run, "backup", CommandFailed("no room left"))

    assert error.message == "no room left"
    assert driver.workspace is not None
    assert driver.workspace.commit == bad_commit(run)


@pytest.mark.parametrize("step", ["build", "scan"])
def test_a_bad_build_is_replaced_and_nothing_is_published(
    run: ReleaseRun, driver: FakeDriver, first: str, step: str
) -> None:
    """What is live was never touched."""
    error = fail_at(built(run), step, ReleaseFailed("it carries a secret"))

    assert type(error) is ReleaseFailed
    assert "`v1`" in error.message
    assert "is still live" in error.message
    assert driver.workspace is not None
    assert driver.workspace.commit == first
    assert driver.calls.count("publish") == 1


def test_a_bad_build_whose_workspace_can_not_be_replaced(run: ReleaseRun, driver: FakeDriver) -> None:
    """What is live is known: it is a failed release all the same."""
    built(run)

    def build(*_: object) -> None:
        raise Unreachable("no answer from the workspace")

    driver.faults["build"] = build
    error = fail_at(run, "scan", ReleaseFailed("it carries a secret"))

    assert (type(error), error.code) == (ReleaseFailed, 1)
    assert "is still live; the workspace was not put back: no answer" in error.message
    assert "press no Publish" in str(error.hint)


# ----------------------------------------------------------------------------------- after the Publish


def test_a_bad_release_is_taken_back_and_verified(
    world: World, run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """The previous release is published again; the lock says meanwhile that the run goes back."""
    held: list[str] = []
    published(run)

    def build(*_: object) -> None:
        lock = world.lock("development")
        held.append(lock.back if lock else "no lock")

    driver.faults["build"] = build
    error = fail_at(run, "verify", ReleaseFailed("it answers 500\nwith words"))

    assert "is live again, and verified" in error.message
    assert driver.served.commit == first
    assert held == ["it answers 500"]
    assert world.last("development").detail["live"] == first
    assert error.data["live"] == first


def test_work_of_a_person_does_not_stop_the_way_back(
    run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """He began it while the release was at work: it is kept aside under the id of the run."""
    published(run)
    driver.dirty = "has changes that are in no commit"
    error = fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert "is live again, and verified" in error.message
    assert (driver.served.commit, driver.kept) == (first, [run.id])


def test_a_leak_on_the_public_url_is_taken_back_too(
    run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """The scan after Publish has found it: this time what is live was touched."""
    error = fail_at(published(run), "scan", ReleaseFailed("it gives out a secret"))

    assert "is live again, and verified" in error.message
    assert driver.served.commit == first


def test_a_publish_under_way_is_published_over(run: ReleaseRun, driver: FakeDriver, first: str) -> None:
    """The old release still answers, and the new one may still arrive: the old one follows it."""
    built(run)
    run.sent = True
    error = fail_at(run, "verify", ReleaseFailed("Replit could not publish"))

    assert driver.calls[-1] == "publish"
    assert driver.served.commit == first
    assert "is live again" in error.message


def test_the_way_back_waits_until_no_publish_is_under_way(run: ReleaseRun, driver: FakeDriver) -> None:
    """It could still replace the good release, which answers already."""
    statuses = ["running"] * 4 + ["other"]

    def status() -> tuple[str, str]:
        return statuses.pop(0) if len(statuses) > 1 else statuses[0], ""

    driver.faults["publish_status"] = status
    error = fail_at(published(run), "verify", ReleaseFailed("it answers 500"))

    assert statuses == ["other"]
    assert "is live again, and verified" in error.message


def test_the_schema_follows_the_older_code(world: World, first: str, driver: FakeDriver) -> None:
    """Its rollback scripts run once the older code is live."""
    world.commit("develop", RENAME)
    driver.faults["publish"] = lambda: driver.serve(
        driver.workspace,
        pages=(("/", 200 if driver.workspace and driver.workspace.commit == first else 500),),
    )
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))

    assert "undone by their rollback scripts" in error.message
    assert world.databases["development"].versions == [FIRST]
    assert error.data["undone"] == [f"{SECOND}_more.sql"]


def test_a_schema_that_does_not_follow_is_told(world: World, first: str, driver: FakeDriver) -> None:
    """STOP: the older code is live with a schema that it can't run with."""
    world.commit("develop", RENAME)
    world.databases["development"].undo_fails[SECOND] = "permission denied"
    driver.faults["publish"] = lambda: driver.serve(
        driver.workspace,
        pages=(("/", 200 if driver.workspace and driver.workspace.commit == first else 500),),
    )
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))

    assert type(error) is ReleaseFailed
    assert "is live again" in error.message
    assert "STOP: " in error.message
    assert "permission denied" in error.message
    assert error.data["schema"] == SECOND
    assert driver.served.commit == first


@pytest.mark.parametrize("part", ["build", "publish", "verify"])
def test_a_way_back_that_fails_is_unknown(
    world: World, run: ReleaseRun, driver: FakeDriver, part: str
) -> None:
    """Code 7, with both errors, and what is live now; the lock is free for whoever looks."""
    published(run)

    def fails(*_: object) -> None:
        raise CommandFailed("Replit is down")

    driver.faults[part] = fails if part != "verify" else lambda: None
    if part == "verify":
        driver.faults["publish"] = lambda: None
    error = fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert error.message.startswith("it answers 500\nand the way back to `v1`")
    assert f"live now: `{bad_commit(run)[:12]}`" in error.message
    assert ("Replit is down" in error.message) == (part != "verify")
    assert world.last("development").ending == "failed"
    assert world.is_clean()


def test_the_first_release_has_no_way_back(world: World, driver: FakeDriver) -> None:
    """What is live is told."""
    run = published(begun(world))
    error = fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert type(error) is ReleaseFailed
    assert "nothing was released here before" in error.message
    assert world.is_clean()


def test_where_a_person_publishes_the_way_back_is_his(
    world: World, run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """The workspace is put back, and what is live is told."""
    driver.unattended = False
    error = fail_at(published(run), "verify", ReleaseFailed("it answers 500"))

    assert "the workspace is back at `v1`" in error.message
    assert f"live now: `{bad_commit(run)[:12]}`" in error.message
    assert driver.workspace is not None
    assert driver.workspace.commit == first
    assert driver.calls.count("publish") == 2
    assert world.is_clean()


def test_where_a_person_publishes_a_workspace_may_stay_as_it_is(
    run: ReleaseRun, driver: FakeDriver
) -> None:
    """Nothing is said of it that is not so."""
    driver.unattended = False
    published(run)

    def build(*_: object) -> None:
        raise Unreachable("no answer")

    driver.faults["build"] = build
    error = fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert "the workspace is back" not in error.message
    assert "live now: " in error.message


def test_where_a_person_publishes_and_did_not_nothing_is_asked_of_him(
    run: ReleaseRun, driver: FakeDriver, first: str
) -> None:
    """The build failed: what is live is as it was, and the workspace goes back by itself."""
    driver.unattended = False
    error = fail_at(built(run), "build", ReleaseFailed("the build failed"))

    assert "is still live" in error.message
    assert driver.workspace is not None
    assert driver.workspace.commit == first


def test_an_error_of_the_desk_takes_nothing_back(run: ReleaseRun, driver: FakeDriver) -> None:
    """What is live is looked at, and stays."""
    error = fail_at(published(run), "verify", CommandFailed("no room left"))

    assert (type(error), error.message) == (CommandFailed, "no room left")
    assert error.data["live"] == bad_commit(run) == driver.served.commit


def test_a_release_that_can_not_be_written_down_is_left_to_resume(
    world: World, run: ReleaseRun, first: str
) -> None:
    """The remote is away: both commits are named, and the lock stays."""
    error = fail_at(published(run), "finish", CommandFailed("the remote can't be read"))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert f"live now: `{bad_commit(run)[:12]}`; before it was `v1` (`{first[:12]}`)" in error.message
    assert "invoke resume --env development" in (error.hint or "")
    assert world.lock("development") is not None
    assert [event.ending for event in world.ledger.events] == ["done"]


@pytest.mark.parametrize(
    "refusal", [PushRefused("`git push` was refused: hook declined"), Locked("`develop` was moved")]
)
def test_a_release_whose_last_push_is_refused_is_taken_back(
    world: World, run: ReleaseRun, driver: FakeDriver, first: str, refusal: DeskError
) -> None:
    """What is live is what the ledger says."""
    error = fail_at(published(run), "finish", refusal)

    assert type(error) is type(refusal)
    assert f"`{bad_commit(run)[:12]}` is not released on development" in error.message
    assert "`v1` (" in error.message
    assert "is live again, and verified" in error.message
    assert driver.served.commit == first == error.data["live"]
    assert world.last("development").ending == "error"
    assert world.is_clean()


def test_a_ledger_that_takes_nothing_keeps_no_lock(
    world: World, run: ReleaseRun, driver: FakeDriver
) -> None:
    """The previous release is live, as the ledger says; the attempt is not in it, which is said."""

    def before_push(updates: Sequence[Update]) -> None:
        if any(update.ref == ledger.REF for update in updates):
            raise PushRefused("`git push` was refused: hook declined")

    published(run)
    world.remote.before_push = before_push
    error = fail_at(run, "finish", PushRefused("`git push` was refused: hook declined"))

    assert "the ledger does not have this attempt: `git push` was refused" in error.message
    assert driver.served.commit == world.last("development").commit
    assert world.lock("development") is None


def test_a_remote_that_takes_nothing_leaves_a_lock_that_is_told(
    world: World, run: ReleaseRun, driver: FakeDriver
) -> None:
    """The previous release is live again; `resume` frees the lock when pushes are taken again."""

    def before_push(updates: Sequence[Update]) -> None:
        raise PushRefused("`git push` was refused: read-only")

    published(run)
    world.remote.before_push = before_push
    error = fail_at(run, "finish", PushRefused("`git push` was refused: read-only"))

    assert (
        "the lock of development could not be released: `invoke resume --env development`" in error.message
    )
    assert driver.served.commit == world.last("development").commit
    assert world.lock("development") is not None


def test_an_error_with_a_silent_url_is_unknown(run: ReleaseRun, driver: FakeDriver) -> None:
    """After Publish nobody can say what is live."""
    published(run)
    driver.served = SILENT
    error = fail_at(run, "verify", CommandFailed("no room left"))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert error.message.startswith("no room left\n")
    assert "gives no answer" in error.message


def test_what_was_not_looked_at_yet_is_looked_at(run: ReleaseRun, driver: FakeDriver) -> None:
    """A step that changes nothing, in a run that has seen no answer."""
    run.live = None
    driver.served = SILENT

    assert type(fail_at(run, "backup", CommandFailed("x"))) is LiveUnknown


# -------------------------------------------------------------------------------- what is left to resume


@pytest.mark.parametrize("step", ["publish", "verify", "finish", "scan"])
def test_an_interruption_after_the_publish_is_left_to_resume(
    world: World, run: ReleaseRun, step: str
) -> None:
    """Nobody may release over it: the lock stays, and no event says what nobody knows."""
    published(run)
    error = fail_at(run, step, Interrupted("interrupted by SIGTERM"))

    assert isinstance(error, LiveUnknown)
    assert (error.code, error.resumable) == (7, True)
    assert "`invoke resume --env development`" in str(error.hint)
    assert world.lock("development") is not None
    assert len(world.ledger.events) == 1


@pytest.mark.parametrize("step", ["undo", "restore"])
def test_an_interruption_while_the_schema_or_the_data_go_back_is_left_to_resume(
    world: World, run: ReleaseRun, step: str
) -> None:
    """The older code is live and the rest is not as it needs it: that is not "put back"."""
    published(run)
    error = fail_at(run, step, Interrupted("interrupted by SIGTERM"))

    assert isinstance(error, LiveUnknown)
    assert error.resumable
    assert world.lock("development") is not None


def test_a_publish_in_doubt_is_left_to_resume(world: World, run: ReleaseRun) -> None:
    """It may still arrive; heartbeats have ended, so the lock is seen to be dead."""
    published(run)
    unknown = LiveUnknown("it may still change", resumable=True)

    assert fail_at(run, "verify", unknown) is unknown
    assert run.lock._stopped.is_set()
    assert world.lock("development") is not None


def test_what_is_unknown_and_can_not_be_resumed_is_recorded(world: World, run: ReleaseRun) -> None:
    """The lock is free."""
    fail_at(published(run), "verify", LiveUnknown("nobody answers"))

    assert world.last("development").ending == "error"
    assert world.is_clean()


# -------------------------------------------------------------------------------------- a lock that is lost


def test_a_run_that_lost_its_lock_touches_nothing(
    world: World, run: ReleaseRun, driver: FakeDriver
) -> None:
    """It looks, and says so; the new holder's lock and ledger are left alone."""
    theirs = steal(world)
    built(run)
    calls = list(driver.calls)
    error = ending(lambda: published_again(run))
    found = recover.recover(run, error)

    assert type(found) is Locked
    assert driver.calls == calls
    assert world.remote.refs[LOCK] == theirs
    assert len(world.ledger.events) == 1
    assert found.data["live"] == driver.served.commit


def published_again(run: ReleaseRun) -> None:
    """Ask for a Publish."""
    publish.publish(run)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CommandFailed("no room left"), Locked),
        (ReleaseFailed("it answers 500"), Locked),
        (Refused("no"), Locked),
        (LiveUnknown("nobody answers"), LiveUnknown),
        (Interrupted("interrupted by SIGTERM"), Interrupted),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DeskError) else "",
)
def test_a_loss_that_shows_in_the_last_push_is_the_cause(
    world: World, run: ReleaseRun, error: DeskError, kind: type[DeskError]
) -> None:
    """Except for what is weightier; both are told, and nothing was written."""
    theirs = steal(world)
    first = error.message
    found = fail_at(run, "backup", error)

    assert type(found) is kind
    assert first in found.message
    assert "no longer held by this run" in found.message
    assert world.remote.refs[LOCK] == theirs
    assert len(world.ledger.events) == 1


def test_whoever_lost_the_lock_tells_nobody(
    world: World, run: ReleaseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new holder does."""
    sent: list[object] = []
    monkeypatch.setattr(messages, "send", lambda *_, **__: sent.append(1))
    steal(world)
    fail_at(run, "backup", CommandFailed("no room left"))

    assert sent == []


# ---------------------------------------------------------------------------------- recovery that fails


def test_a_bug_in_the_recovery_frees_the_lock(
    world: World, run: ReleaseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first error is told; the traceback is in the journal."""

    def bug(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(recover, "restore_previous", bug)
    error = fail_at(published(run), "verify", ReleaseFailed("it answers 500"))

    assert type(error) is LiveUnknown
    assert "it answers 500" in error.message
    assert "ZeroDivisionError" in error.message
    assert str(run.journal.file) in str(error.hint)
    assert "ZeroDivisionError: a bug" in run.journal.file.read_text()
    assert world.last("development").ending == "failed"
    assert world.is_clean()


def test_a_remote_that_takes_no_event_keeps_the_lock(world: World, run: ReleaseRun) -> None:
    """That is added to the error: `resume` frees it."""

    def refuse(_updates: object) -> None:
        raise Unreachable("the remote can't be reached")

    world.remote.before_push = refuse
    error = fail_at(run, "backup", CommandFailed("no room left"))

    assert type(error) is CommandFailed
    assert error.message.startswith("no room left\n")
    assert "the lock of development could not be released: the remote can't be reached" in error.message
    assert world.lock("development") is not None


@pytest.mark.parametrize(
    "fault", [CommandFailed("the connection broke"), Interrupted("interrupted by SIGTERM")], ids=type
)
def test_a_last_push_that_had_arrived_is_a_release_after_all(
    world: World, run: ReleaseRun, monkeypatch: pytest.MonkeyPatch, fault: DeskError
) -> None:
    """Its answer was lost, or a signal came before it: the ledger has it as done, and a success is told."""
    told: list[str] = []
    monkeypatch.setattr(messages, "success", lambda _run: told.append("success"))
    monkeypatch.setattr(messages, "failure", lambda *_: told.append("failure"))
    published(run)
    write_down(run, "done", moves_branch=False)
    error = fail_at(run, "finish", fault)

    assert type(error) is type(fault)
    assert "it was released as v2" in error.message
    assert world.is_clean()
    assert told == ["success"]
    assert [event.ending for event in world.ledger.events] == ["done", "done"]


# --------------------------------------------------------------------------------- a rollback that fails


@pytest.fixture
def second(world: World, first: str) -> str:
    """v2 is live; gives its commit."""
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    return world.head("develop")


BACK = RollbackRequest(env="development")


def test_a_rollback_that_was_published_is_never_rolled_back(
    world: World, second: str, driver: FakeDriver
) -> None:
    """A person decides; what is live, and what the database has, is told."""
    run = published(begun(world, BACK))
    error = fail_at(run, "verify", ReleaseFailed("it answers 500"))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert "the rollback of development failed: it answers 500" in error.message
    assert f"the database has {FIRST}" in error.message
    assert "invoke rollback --env development --to vN" in str(error.hint)
    assert driver.calls.count("publish") == 3
    assert world.is_clean()


def test_a_rollback_whose_build_fails_goes_back_to_what_is_live(
    world: World, second: str, driver: FakeDriver
) -> None:
    """Nothing was published: it is no rollback of a rollback."""
    error = fail_at(built(begun(world, BACK)), "build", ReleaseFailed("the build failed"))

    assert type(error) is ReleaseFailed
    assert "`v2`" in error.message
    assert driver.workspace is not None
    assert driver.workspace.commit == second


def test_after_the_schema_went_back_the_newer_code_is_not_published_again(
    world: World, second: str, driver: FakeDriver
) -> None:
    """It could not run with it."""
    run = built(begun(world, BACK))
    run.undone = ("x.sql",)
    error = fail_at(run, "build", ReleaseFailed("the build failed"))

    assert type(error) is LiveUnknown
    assert driver.calls.count("publish") == 2


def test_an_interrupted_undo_of_a_rollback_is_finished_by_resume(world: World, first: str) -> None:
    """The older code is live, its schema is not yet."""
    world.commit("develop", RENAME)
    deploy(world.desk(), DeployRequest(env="development"))
    database = world.databases["development"]
    undo, rehearsed = database.undo, []

    def interrupted(*arguments: object, **more: object) -> list[str]:
        if more.get("rehearse"):
            rehearsed.append(1)
            return undo(*arguments, **more)  # type: ignore[arg-type]
        raise Stop("interrupted by SIGTERM")

    database.undo = interrupted  # type: ignore[method-assign]
    error = ending(lambda: rollback(world.desk(), BACK))

    assert rehearsed == [1]
    assert (type(error), error.code) == (LiveUnknown, 7)
    assert world.lock("development") is not None
    database.undo = undo  # type: ignore[method-assign]
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert database.versions == [FIRST]
    assert (world.last("development").kind, world.last("development").actor) == ("rollback", "Bob")
    assert world.is_clean()


def test_going_back_is_said_before_it_begins(run: ReleaseRun) -> None:
    """People see why the workspace is built once more."""
    fail_at(published(run), "verify", ReleaseFailed("it answers 500"))

    assert any("going back to `v1`" in line for line in cast(Notes, run.desk.progress).lines)
