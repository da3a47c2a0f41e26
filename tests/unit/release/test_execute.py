"""Execute a plan: the good way, and every row of the failure table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from scripts.config import supabase_cli
from scripts.config.outcome import Outcome
from scripts.database import supabase
from scripts.errors import (
    CommandFailed,
    Declined,
    Interrupted,
    LiveUnknown,
    Locked,
    Refused,
    ReleaseFailed,
    Unanswered,
    Unreachable,
)
from scripts.release import execute, migrate
from scripts.release.commands import deploy, promote, rollback
from scripts.release.request import DeployRequest, PromoteRequest, RollbackRequest
from scripts.release.run import ReleaseRun
from scripts.replit.live import Answer, Expected
from scripts.system.signals import Stop
from tests.fakes.world import Notes, World, ending

FIRST, SECOND, THIRD = "20240101000000", "20240102000000", "20240103000000"


def migration(version: str, sql: str, name: str = "more") -> dict[str, str]:
    """The file of one migration."""
    return {f"supabase/migrations/{version}_{name}.sql": sql}


def script(version: str, sql: str, name: str = "more") -> dict[str, str]:
    """The file of one rollback script."""
    return {f"supabase/rollbacks/{version}_{name}.sql": sql}


def released(world: World, environment: str = "development") -> Outcome:
    """Deploy the head of an environment's branch."""
    return deploy(world.desk(), DeployRequest(env=environment, yes=True))


def failed(world: World, environment: str = "development"):  # type: ignore[no-untyped-def] # noqa: ANN201
    """The error of a deploy."""
    return ending(lambda: released(world, environment))


# ------------------------------------------------------------------------------------- the good way


def test_without_its_steps_a_run_frees_the_lock_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody updated the desk's own files while it was starting: nothing has changed yet."""
    live = world.drivers["development"].served

    def torn() -> NoReturn:
        raise ImportError

    monkeypatch.setattr(execute, "_load_steps", torn)
    with pytest.raises(ImportError):
        released(world)

    assert world.is_clean()
    assert not world.drivers["development"].connected
    assert world.drivers["development"].served == live
    assert [event.kind for event in world.ledger.begun] == ["begin"]


def test_a_deploy_builds_before_it_migrates_and_ends_clean(world: World) -> None:
    """The steps in order, the event, the branch where it was, no lock."""
    desk = world.desk()
    outcome = deploy(desk, DeployRequest(env="development"))
    notes = desk.progress
    assert isinstance(notes, Notes)

    assert (outcome.ending, outcome.code) == ("done", 0)
    assert notes.steps == ["lock", "build", "scan", "migrate", "publish", "verify", "scan", "finish"]
    assert world.databases["development"].versions == [FIRST]
    assert world.drivers["development"].served.commit == world.head("develop")
    assert world.drivers["development"].served.schema == FIRST
    assert (world.last("development").release, world.last("development").ending) == ("v1", "done")
    assert outcome.data["steps"][0]["name"] == "lock"
    assert world.is_clean()


def test_the_supabase_cli_looks_while_the_commit_is_built(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where something is pending; and it is over with the migrations."""
    released(world)
    seen: list[str] = []
    build, asking = world.drivers["development"].build, supabase.asking_versions

    def building(*words: Any, **more: Any) -> Any:
        seen.append("build")
        return build(*words, **more)

    @contextmanager
    def noted(*words: Any) -> Iterator[Any]:
        seen.append("asked")
        with asking(*words) as answered:
            yield answered
        seen.append("over")

    monkeypatch.setattr(world.drivers["development"], "build", building)
    monkeypatch.setattr(supabase, "asking_versions", noted)
    world.commit("develop")
    released(world)
    world.commit("develop", {"supabase/migrations/20240102000000_b.sql": "create table b ();"})
    released(world)

    assert seen == ["build", "asked", "build", "over"]


def test_what_is_live_and_proven_is_left_alone(world: World) -> None:
    """A second deploy does nothing, and says so."""
    released(world)
    outcome = released(world)

    assert (outcome.ending, outcome.code) == ("nothing", 0)
    assert len(world.ledger.events) == 1


def test_a_plan_changes_nothing(world: World) -> None:
    """No ref, no build, no migration."""
    before = dict(world.remote.refs)
    outcome = deploy(world.desk(), DeployRequest(env="development", plan=True))

    assert outcome.data["refused"] is None
    assert [step["name"] for step in outcome.data["steps"]][:3] == ["lock", "build", "scan"]
    assert world.remote.refs == before
    assert world.drivers["development"].calls == []


def test_a_plan_says_what_this_machine_lacks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release would be refused here; the plan is one all the same."""

    def missing(*_: object) -> NoReturn:
        raise Refused("the Supabase CLI is not installed", "`npm ci`")

    world.commit("develop", {"supabase/migrations/20240102000000_b.sql": "create table b();"})
    monkeypatch.setattr(supabase_cli, "find", missing)
    outcome = deploy(world.desk(), DeployRequest(env="development", plan=True))

    assert (outcome.code, outcome.hint) == (0, "`npm ci`")
    assert outcome.message.endswith("\n  | not from here: the Supabase CLI is not installed")


def test_a_promotion_moves_the_branch_in_the_last_push(world: World) -> None:
    """Branch, ledger, lock and candidate move together."""
    released(world)
    promote(world.desk(), PromoteRequest(to="staging"))
    push = {update.ref for update in world.remote.pushes[-1]}

    assert world.head("staging") == world.head("develop")
    assert {"refs/heads/staging", "refs/heads/deploy-ledger", "refs/deploy/lock/staging"} <= push
    assert len(push) == 4
    assert world.is_clean()


def test_a_guarded_environment_needs_a_backup_and_consent(world: World) -> None:
    """Nobody confirms: nothing happens. With `--yes`: the backup comes before the migration."""
    released(world)
    promote(world.desk(), PromoteRequest(to="staging"))
    declined = ending(lambda: promote(world.desk(), PromoteRequest(to="production")))
    desk = world.desk()
    promote(desk, PromoteRequest(to="production", yes=True))
    notes = desk.progress
    assert isinstance(notes, Notes)

    assert isinstance(declined, Declined)
    assert declined.data["commit"] == world.head("develop")
    assert notes.steps.index("scan") < notes.steps.index("backup") < notes.steps.index("migrate")
    assert world.backups == ["production"]


def test_a_person_confirms_by_typing_the_name(world: World) -> None:
    """The name of the environment, and no other word."""
    released(world)
    promote(world.desk(), PromoteRequest(to="staging"))

    assert isinstance(
        ending(lambda: promote(world.desk(progress=Notes(types="yes")), PromoteRequest(to="production"))),
        Declined,
    )
    outcome = promote(world.desk(progress=Notes(types="production")), PromoteRequest(to="production"))
    assert outcome.code == 0


# ---------------------------------------------------------------------------------- the failure table


def test_a_refusal_changes_nothing(world: World) -> None:
    """A gate that says no comes before the lock."""
    before = dict(world.remote.refs)
    error = ending(lambda: promote(world.desk(), PromoteRequest(to="staging")))

    assert isinstance(error, Refused)
    assert "is not proven on development" in error.message
    assert error.data["run"] is None
    assert world.remote.refs == before


@pytest.mark.parametrize("fault", ["build", "leak"])
def test_a_build_that_fails_or_leaks_leaves_the_database_untouched(world: World, fault: str) -> None:
    """Code and database as they were; the workspace is back at what is live; the commit is marked."""
    released(world)
    good = world.head("develop")
    bad = world.commit("develop", migration(SECOND, "drop table a;"))
    driver = world.drivers["development"]
    if fault == "build":
        driver.faults["build"] = lambda expected, _: fail_for(bad, expected.commit)
    else:
        driver.files = {"app.js": 'const k = "sb_secret_0123456789abcdefghijkl_01234567";'}
    error = failed(world)

    assert (type(error), error.code) == (ReleaseFailed, 1)
    assert "`v1`" in error.message
    assert "is still live" in error.message
    assert world.databases["development"].versions == [FIRST]
    assert driver.served.commit == good
    assert driver.workspace is not None
    assert driver.workspace.commit == good
    assert "publish" not in driver.calls[2:]
    assert (world.last("development").ending, world.last("development").detail["at_step"]) == (
        "failed",
        "build" if fault == "build" else "scan",
    )
    assert world.is_clean()


def fail_for(bad: str, commit: str) -> None:
    """A build that fails for one commit."""
    if commit == bad:
        raise ReleaseFailed("the build failed in the workspace")


def test_a_failed_commit_needs_retry(world: World) -> None:
    """It stays marked; `--retry` tries it again."""
    driver = world.drivers["development"]
    driver.faults["build"] = lambda *_: fail_for("", "")
    failed(world)
    refused = failed(world)
    driver.faults.clear()
    again = deploy(world.desk(), DeployRequest(env="development", retry=True))

    assert isinstance(refused, Refused)
    assert "--retry" in str(refused.hint)
    assert again.code == 0


@pytest.mark.parametrize("step", ["backup", "rehearse"])
def test_what_fails_before_the_migration_leaves_both_untouched(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """No migration, the old code live, and the workspace is put back."""
    released(world)
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    good = world.head("main")
    world.commit("develop", migration(SECOND, "create table b ();"))
    released(world)
    promote(world.desk(), PromoteRequest(to="staging"))

    def fails(run: ReleaseRun) -> None:
        with run.step("rehearse"):
            raise CommandFailed("a table was busy")

    world.backup_fails = step == "backup"
    if step == "rehearse":
        monkeypatch.setattr(migrate, "rehearse", fails)
    error = ending(lambda: promote(world.desk(), PromoteRequest(to="production", yes=True)))
    driver = world.drivers["production"]

    assert error.code == 3
    assert world.databases["production"].versions == [FIRST]
    assert driver.served.commit == good == world.head("main")
    assert driver.workspace is not None
    assert driver.workspace.commit == good
    assert world.last("production").ending == "error"
    assert world.is_clean()


def test_a_workspace_that_can_not_be_put_back_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Publish by hand would ship what was built."""
    released(world)
    world.commit("develop", migration(SECOND, "create table b ();"))
    driver = world.drivers["development"]

    def fails(run: object) -> None:
        driver.faults["build"] = lambda *_: (_ for _ in ()).throw(Unreachable("no answer"))
        with run.step("rehearse"):  # type: ignore[attr-defined]
            raise Refused("it would keep writers out")

    monkeypatch.setattr(migrate, "rehearse", fails)
    error = failed(world)

    assert isinstance(error, Refused)
    assert "press no Publish" in error.message


def test_a_failing_migration_leaves_the_code_and_says_what_is_applied(world: World) -> None:
    """The second of two fails: the first is applied, compatible, and named."""
    released(world)
    good = world.head("develop")
    world.commit(
        "develop",
        migration(SECOND, "create table b ();") | migration(THIRD, "create table c ();", "bad"),
    )
    world.databases["development"].failing[THIRD] = "syntax error"
    error = failed(world)

    assert (type(error), error.code) == (ReleaseFailed, 1)
    assert f"migration `{THIRD}_bad.sql` failed" in error.message
    assert f"`{SECOND}_more.sql`" in error.message
    assert world.databases["development"].versions == [FIRST, SECOND]
    assert world.drivers["development"].served.commit == good
    assert error.data["schema"] == SECOND
    assert world.is_clean()


def test_applied_files_are_undone_by_their_rollback_scripts(world: World) -> None:
    """All of them have one: the database is as it was."""
    released(world)
    world.commit(
        "develop",
        migration(SECOND, "alter table a rename to b;")
        | script(SECOND, "alter table b rename to a;")
        | migration(THIRD, "create table c ();", "bad"),
    )
    world.databases["development"].failing[THIRD] = "syntax error"
    error = failed(world)

    assert "undone by their rollback scripts" in error.message
    assert world.databases["development"].versions == [FIRST]
    assert error.data["undone"] == [f"{SECOND}_more.sql"]


def test_exit_code_0_of_the_cli_proves_nothing(world: World) -> None:
    """A file that is not in the history afterwards has failed."""
    world.databases["development"].silent.add(FIRST)
    error = failed(world)

    assert isinstance(error, ReleaseFailed)
    assert "is not in the history" in error.message


def test_trouble_of_the_server_does_not_mark_the_commit(world: World) -> None:
    """A connection that was lost: code 3, and the same commit may come again."""
    world.databases["development"].failing[FIRST] = "failed to connect"
    error = failed(world)
    world.databases["development"].failing.clear()

    assert (type(error), error.code) == (CommandFailed, 3)
    assert world.last("development").ending == "error"
    assert released(world).code == 0


def test_a_bad_release_is_taken_back_and_the_previous_one_verified(world: World) -> None:
    """It answers, but its page is broken: the previous release is published again."""
    released(world)
    good = world.head("develop")
    bad = world.commit("develop", {"file": "broken"})
    driver = world.drivers["development"]

    def publish() -> None:
        broken = driver.workspace is not None and driver.workspace.commit == bad
        driver.serve(driver.workspace, pages=(("/", 500 if broken else 200),))

    driver.faults["publish"] = publish
    error = failed(world)

    assert (type(error), error.code) == (ReleaseFailed, 1)
    assert "is live again, and verified" in error.message
    assert driver.served.commit == good
    assert error.data["live"] == good
    assert world.last("development").detail["live"] == good
    assert world.is_clean()


def test_a_bad_release_takes_back_a_schema_that_older_code_can_not_live_with(world: World) -> None:
    """The migration renames a table: after the code is back, its rollback script runs."""
    released(world)
    bad = world.commit(
        "develop",
        migration(SECOND, "alter table a rename to b;") | script(SECOND, "alter table b rename to a;"),
    )
    driver = world.drivers["development"]
    driver.faults["publish"] = lambda: driver.serve(
        driver.workspace,
        pages=(("/", 500 if driver.workspace and driver.workspace.commit == bad else 200),),
    )
    error = failed(world)

    assert "undone by their rollback scripts" in error.message
    assert world.databases["development"].versions == [FIRST]
    assert error.data["schema"] == FIRST


def test_the_first_release_has_nothing_to_go_back_to(world: World) -> None:
    """What is live is said."""
    world.drivers["development"].faults["publish"] = lambda: None
    world.drivers["development"].served = Answer(404, error="it answers 404")
    error = failed(world)

    assert "nothing was released here before" in error.message
    assert world.is_clean()


def test_a_silent_public_url_is_unknown(world: World) -> None:
    """Code 7; the ledger has it, the lock is free."""
    released(world)
    world.commit("develop", {"file": "new"})
    driver = world.drivers["development"]
    driver.faults["publish"] = lambda: setattr(driver, "served", Answer(None, error="timed out"))
    error = failed(world)

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert world.last("development").ending == "error"
    assert world.is_clean()


def test_a_publish_without_an_answer_leaves_the_lock_to_resume(world: World) -> None:
    """It may still arrive: nobody may release over it."""
    released(world)
    world.commit("develop", {"file": "new"})

    def publish() -> None:
        raise Unanswered("no answer from Replit")

    world.drivers["development"].faults["publish"] = publish
    error = failed(world)

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert world.lock("development") is not None
    assert "invoke resume" in str(error.hint)


def test_replit_says_twice_that_publishing_failed(world: World) -> None:
    """Then it is not waited for any longer."""
    released(world)
    world.commit("develop", {"file": "new"})
    driver = world.drivers["development"]
    driver.faults["publish"] = lambda: None
    driver.faults["publish_status"] = lambda: ("failed", "out of memory")
    world.settings = world.settings
    error = failed(world)

    assert "could not publish" in error.message
    assert "out of memory" in error.message


def test_where_a_person_publishes_only_the_workspace_is_put_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody presses Publish for the way back."""
    released(world)
    good = world.head("develop")
    world.commit("develop", {"file": "new"})
    driver = world.drivers["development"]
    monkeypatch.setattr(driver, "unattended", False)
    driver.faults["publish"] = lambda: None
    error = failed(world)

    assert "the workspace is back at `v1`" in error.message
    assert driver.workspace is not None
    assert driver.workspace.commit == good
    assert driver.calls.count("publish") == 2


@pytest.mark.parametrize("moved", ["lock", "branch"])
def test_what_was_moved_by_another_run_stops_the_finish(world: World, moved: str) -> None:
    """The one push moves nothing; what is live is put back or left to the new holder."""
    released(world)

    def before_push(updates: object) -> None:
        refs = {update.ref for update in updates}  # type: ignore[attr-defined]
        if "refs/heads/staging" in refs:
            world.remote.before_push = lambda _: None
            ref = "refs/deploy/lock/staging" if moved == "lock" else "refs/heads/staging"
            world.remote.refs[ref] = world.remote.commit({"lock.json": "{}"}, subject="theirs")

    world.remote.before_push = before_push
    error = ending(lambda: promote(world.desk(), PromoteRequest(to="staging")))

    assert (type(error), error.code) == (Locked, 5)
    expected = "no longer held" if moved == "lock" else "was moved by somebody else"
    assert expected in error.message
    assert world.ledger.live("staging") is None


def test_a_lost_lock_stops_before_the_next_step_that_changes_something(world: World) -> None:
    """Another run took over while this one was building."""

    def steal(*_: object) -> None:
        world.remote.refs["refs/deploy/lock/development"] = world.remote.commit({"lock.json": "{}"})

    world.drivers["development"].faults["build"] = steal
    error = failed(world)

    assert (type(error), error.code) == (Locked, 5)
    assert "taken over" in error.message
    assert world.databases["development"].versions == []
    assert "publish" not in world.drivers["development"].calls


@pytest.mark.parametrize(("where", "code"), [("build", 130), ("migrate", 130), ("publish", 7)], ids=str)
def test_an_interruption(world: World, where: str, code: int) -> None:
    """Before Publish it is put back; afterwards nobody knows, and `resume` finds out."""
    released(world)
    world.commit("develop", migration(SECOND, "create table b ();"))

    def interrupt(*_: object) -> None:
        raise Stop("interrupted by SIGTERM")

    if where == "migrate":
        world.databases["development"].before_push = interrupt
    else:
        world.drivers["development"].faults[where] = interrupt
    error = failed(world)

    assert error.code == code
    assert isinstance(error, Interrupted if code == 130 else LiveUnknown)
    assert (world.lock("development") is None) == (code == 130)


def test_a_bug_of_our_own_frees_the_lock_and_shows_itself(world: World) -> None:
    """The traceback is not swallowed, and nobody is locked out."""

    def bug(*_: object) -> None:
        raise ZeroDivisionError

    world.drivers["development"].faults["build"] = bug
    with pytest.raises(ZeroDivisionError):
        released(world)

    assert world.is_clean()
    assert world.last("development").ending == "error"


def test_two_releases_at_once_have_one_winner(world: World) -> None:
    """The second meets the lock of the first, and names its holder."""
    seen = []

    def build(*_: object) -> None:
        seen.append(ending(lambda: deploy(world.desk("Bob"), DeployRequest(env="development"))))

    world.drivers["development"].faults["build"] = build
    outcome = released(world)

    assert outcome.code == 0
    assert (type(seen[0]), seen[0].code) == (Locked, 5)
    assert "Ada" in seen[0].message


# -------------------------------------------------------------------------------------- a rollback


def test_a_rollback_brings_the_last_good_release_back_and_holds(world: World) -> None:
    """Code first; the branch stays; the commit that was left is bad; the environment is held."""
    released(world)
    good = world.head("develop")
    left = world.commit("develop", {"file": "new"})
    released(world)
    outcome = rollback(world.desk(), RollbackRequest(env="development", reason="broken"))

    assert outcome.code == 0
    assert world.drivers["development"].served.commit == good
    assert world.head("develop") == left
    assert world.last("development").detail["bad"] == left
    assert world.ledger.hold("development") is not None
    refused = failed(world)
    assert "is held" in refused.message


def test_what_somebody_published_by_hand_gives_way_to_the_release(world: World) -> None:
    """The plan says that what is live is no release; the release that comes back is not called bad."""
    released(world)
    good, notes = world.head("develop"), Notes()
    driver = world.drivers["development"]
    driver.serve(Expected("f" * 40, "development", "1"))
    back = RollbackRequest(env="development", to="v1", reason="pressed")
    outcome = rollback(replace(world.desk(), progress=notes), back)

    warned = f"  warning: `{'f' * 12}` is live, which the desk did not release: `--to v1` brings v1 back"
    assert warned in notes.lines
    assert (outcome.code, driver.served.commit) == (0, good)
    assert "bad" not in f"{outcome.message} {outcome.hint}"
    assert world.ledger.bad("development") == {}


def test_a_rollback_that_fails_is_not_rolled_back(world: World) -> None:
    """A person decides."""
    released(world)
    world.commit("develop", {"file": "new"})
    released(world)
    world.drivers["development"].faults["publish"] = lambda: None
    error = ending(lambda: rollback(world.desk(), RollbackRequest(env="development")))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert "the rollback of development failed" in error.message


def test_a_rollback_whose_build_fails_touches_nothing(world: World) -> None:
    """What is live stays live, and the workspace holds it again."""
    released(world)
    good = world.head("develop")
    live = world.commit("develop", {"file": "new"})
    released(world)
    driver = world.drivers["development"]
    driver.faults["build"] = lambda expected, _: fail_for(good, expected.commit)
    error = ending(lambda: rollback(world.desk(), RollbackRequest(env="development")))

    assert isinstance(error, ReleaseFailed)
    assert driver.served.commit == live
    assert driver.workspace is not None
    assert driver.workspace.commit == live


def test_a_release_notes_what_stands_in_the_database(world: World) -> None:
    """A run without migrations keeps the note: what was dropped by hand meanwhile is still missed."""
    deploy(world.desk(), DeployRequest(env="development"))
    noted = world.last("development").detail["tables"]
    world.databases["development"].dropped.add("20240101000000")
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    kept = world.last("development").detail["tables"]
    world.commit("develop", {"supabase/migrations/20240102000000_b.sql": "create table b ();"})
    deploy(world.desk(), DeployRequest(env="development"))

    assert noted == kept == ["table public.t20240101000000"]
    assert world.last("development").detail["tables"] == ["table public.t20240102000000"]
