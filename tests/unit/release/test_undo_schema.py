"""The schema goes back: rollback scripts, all or nothing; afterwards only the history is believed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from scripts.database.postgres.client import Row
from scripts.errors import CommandFailed, Locked, Refused, ReleaseFailed, TakenBack, Unreachable
from scripts.release import undo_schema
from scripts.release.commands import deploy
from scripts.release.request import DeployRequest, RollbackRequest
from scripts.release.run import ReleaseRun
from scripts.state.lock import LOCK_FILE, lock_ref
from tests.fakes.database import FakeDatabase
from tests.fakes.world import World, ending
from tests.unit.release.samples import begun

FIRST, SECOND, THIRD = "20240101000000", "20240102000000", "20240103000000"
RENAME = {
    f"supabase/migrations/{SECOND}_rename.sql": "alter table a rename to b;",
    f"supabase/rollbacks/{SECOND}_rename.sql": "alter table b rename to a;",
}
WIDEN = {f"supabase/migrations/{THIRD}_widen.sql": "create table c ();"}
NARROW = {f"supabase/rollbacks/{THIRD}_widen.sql": "drop table c;"}
BACK = RollbackRequest(env="development")
FILES = (f"`{SECOND}_rename.sql`", f"`{THIRD}_widen.sql`")


@pytest.fixture
def database(world: World) -> FakeDatabase:
    """The database of development; v1 is live with the first migration."""
    deploy(world.desk(), DeployRequest(env="development"))
    return world.databases["development"]


def released(world: World, changes: Mapping[str, str]) -> None:
    """v2 is live with these files."""
    world.commit("develop", changes)
    deploy(world.desk(), DeployRequest(env="development"))


@pytest.fixture
def back(world: World, database: FakeDatabase) -> ReleaseRun:
    """A rollback to v1, which can't run with what v2 has renamed; it holds its lock."""
    released(world, {**RENAME, **WIDEN, **NARROW})
    return begun(world, BACK)


def due(run: ReleaseRun) -> tuple[Any, ...]:
    """What it has to undo."""
    return run.plan.back.undo


def versions(planned: Any) -> list[str]:
    """Of planned migrations."""
    return [each.version for each in planned]


# --------------------------------------------------------------------------------------------- rehearse


def test_a_rehearsal_changes_nothing(back: ReleaseRun, database: FakeDatabase) -> None:
    """Newest first, in a transaction that is rolled back."""
    undo_schema.rehearse(back)

    assert versions(due(back)) == [THIRD, SECOND]
    assert database.versions == [FIRST, SECOND, THIRD]
    assert back.undone == ()
    assert back.steps[-1] == {"name": "rehearse", "seconds": 0.0, "ending": "done"}


def test_a_script_that_fails_in_the_rehearsal_refuses_the_rollback(
    back: ReleaseRun, database: FakeDatabase
) -> None:
    """Before anything changes."""
    database.undo_fails[SECOND] = "permission denied"
    error = ending(lambda: undo_schema.rehearse(back))

    assert type(error) is Refused
    assert "nothing was changed" in error.message
    assert "permission denied" in error.message


def test_a_server_that_takes_no_writes_is_no_fault_of_a_script(
    back: ReleaseRun, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 3."""

    def undo(*_: object, **__: object) -> None:
        raise Unreachable("the database is read-only")

    monkeypatch.setattr(database, "undo", undo)

    assert type(ending(lambda: undo_schema.rehearse(back))) is Unreachable


def test_a_history_that_changed_since_the_plan_refuses_the_rollback(
    back: ReleaseRun, database: FakeDatabase
) -> None:
    """Somebody else has migrated."""
    database.rows.append(Row("20240109000000", "theirs", ()))

    assert "changed since the plan was made" in ending(lambda: undo_schema.rehearse(back)).message


# ------------------------------------------------------------------------------------------------- undo


def test_what_is_undone_is_gone_from_the_history(back: ReleaseRun, database: FakeDatabase) -> None:
    """The run knows the schema that is left, and no longer counts them as applied."""
    back.migrated += (f"{THIRD}_widen.sql", "other.sql")
    undo_schema.undo(back, due(back))

    assert database.versions == [FIRST]
    assert back.schema == FIRST
    assert back.undone == (f"{THIRD}_widen.sql", f"{SECOND}_rename.sql")
    assert list(back.migrated) == ["other.sql"]


def test_a_script_that_fails_undoes_nothing(back: ReleaseRun, database: FakeDatabase) -> None:
    """What is still applied, and what is live, is told; the command does it again."""
    database.undo_fails[SECOND] = "permission denied"
    error = ending(lambda: undo_schema.undo(back, due(back)))

    assert type(error) is CommandFailed
    assert "permission denied" in error.message
    assert all(file in error.message for file in FILES)
    assert "`invoke rollback --env development --to v1`" in str(error.hint)
    assert database.versions == [FIRST, SECOND, THIRD]
    assert (back.undone, back.schema) == ((), THIRD)


def test_an_answer_that_was_lost_is_no_failure(back: ReleaseRun, database: FakeDatabase) -> None:
    """The history decides: the transaction had arrived."""
    undo = database.undo

    def lost(*arguments: Any, **more: Any) -> list[str]:
        undo(*arguments, **more)
        raise Unreachable("the connection broke")

    database.undo = lost  # type: ignore[method-assign]
    undo_schema.undo(back, due(back))

    assert database.versions == [FIRST]
    assert len(back.undone) == 2


def test_scripts_that_left_another_history_are_a_failure(back: ReleaseRun, database: FakeDatabase) -> None:
    """Although none of them failed."""
    database.undo = lambda *_, **__: []  # type: ignore[method-assign]
    error = ending(lambda: undo_schema.undo(back, due(back)))

    assert "the history is not what the scripts should have left" in error.message


def test_what_stood_besides_stays(back: ReleaseRun, database: FakeDatabase) -> None:
    """A version of somebody else's is neither undone nor a fault."""
    database.rows.append(Row("20240109000000", "theirs", ()))
    undo_schema.undo(back, due(back))

    assert database.versions == [FIRST, "20240109000000"]


def test_nothing_is_undone_under_a_lost_lock(
    world: World, back: ReleaseRun, database: FakeDatabase
) -> None:
    """The remote is asked right before it."""
    world.remote.refs[lock_ref("development")] = world.remote.commit({LOCK_FILE: "{}"})

    assert type(ending(lambda: undo_schema.undo(back, due(back)))) is Locked
    assert database.versions == [FIRST, SECOND, THIRD]


def test_a_database_that_is_busy_is_not_touched(back: ReleaseRun, database: FakeDatabase) -> None:
    """A migration of somebody else's holds its lock."""

    @contextmanager
    def exclusive(wait: float, doing: str = "migration") -> Any:
        raise Locked("a migration is under way")
        yield

    database.exclusive = exclusive  # type: ignore[method-assign]

    assert type(ending(lambda: undo_schema.undo(back, due(back)))) is Locked
    assert database.versions == [FIRST, SECOND, THIRD]


# ------------------------------------------------------------------------- what a bad release has brought


def applied(world: World, changes: Mapping[str, str], *names: str) -> ReleaseRun:
    """A deploy of these files, of which these are applied."""
    world.commit("develop", changes)
    run = begun(world)
    for file in (name.rpartition("/")[2] for name in changes if "migrations" in name):
        if any(name in file for name in names):
            world.databases["development"].rows.append(Row(file.partition("_")[0], file, ()))
            run.migrated += (file,)
    return run


def test_only_what_older_code_can_not_run_with_is_due(world: World, database: FakeDatabase) -> None:
    """With all that came after it, newest first."""
    run = applied(world, {**RENAME, **WIDEN, **NARROW}, "rename", "widen")

    assert versions(undo_schema.due(run)) == [THIRD, SECOND]


def test_what_older_code_lives_with_stays(world: World, database: FakeDatabase) -> None:
    run = applied(world, WIDEN, "widen")

    assert undo_schema.due(run) == ()
    assert undo_schema.left(run) == f"{FILES[1]}; the schema stays as it is now; older code works with it"


def test_where_one_script_is_missing_nothing_is_due(world: World, database: FakeDatabase) -> None:
    """The order would be broken: a person fixes it with a new release."""
    run = applied(world, {**RENAME, **WIDEN}, "rename", "widen")

    assert undo_schema.due(run) == ()
    assert f"STOP: older code may not live with {FILES[0]}" in undo_schema.left(run)


def test_what_was_not_applied_is_not_due(world: World, database: FakeDatabase) -> None:
    """The run failed before its migrations."""
    assert undo_schema.due(applied(world, {**RENAME, **WIDEN, **NARROW})) == ()


def test_what_a_dead_run_had_applied_is_due_too(world: World, database: FakeDatabase) -> None:
    """The heir has migrated nothing itself."""
    run = applied(world, RENAME, "rename")
    run.migrated = ()

    assert versions(undo_schema.due(run)) == [SECOND]


def test_what_the_release_before_has_brought_is_not_undone(world: World, database: FakeDatabase) -> None:
    """It is broken for still older code, and has no script; that is not this run's matter."""
    released(world, {f"supabase/migrations/{SECOND}_drop.sql": "alter table a drop column x;"})
    rename = {name.replace(SECOND, THIRD): sql for name, sql in RENAME.items()}
    run = applied(world, rename, "rename")

    assert versions(undo_schema.due(run)) == [THIRD]


def test_a_history_that_can_not_be_read_is_not_undone(world: World, database: FakeDatabase) -> None:
    """A person looks."""
    run = applied(world, RENAME, "rename")

    def away() -> list[Row]:
        raise Unreachable("no connection")

    database.history = away  # type: ignore[method-assign]

    assert undo_schema.due(run) == ()


def test_a_first_release_and_a_rollback_have_nothing_due(world: World, back: ReleaseRun) -> None:
    """There is no older code to go back to."""
    assert undo_schema.due(back) == ()


def test_after_a_failed_migration_the_others_are_undone(world: World, database: FakeDatabase) -> None:
    """Newest first, if all have a script."""
    run = applied(world, {**RENAME, **WIDEN, **NARROW}, "rename", "widen")
    said = undo_schema.after_failed_migration(run, run.plan.migrations)

    assert said == f"undone by their rollback scripts: {FILES[1]}, {FILES[0]}"
    assert database.versions == [FIRST]
    assert run.undone == (f"{THIRD}_widen.sql", f"{SECOND}_rename.sql")


def test_after_a_failed_migration_without_scripts_all_stays(world: World, database: FakeDatabase) -> None:
    """And what that means is told."""
    run = applied(world, {**RENAME, **WIDEN}, "rename", "widen")

    assert "STOP: " in undo_schema.after_failed_migration(run, run.plan.migrations)
    assert undo_schema.after_failed_migration(run, ()) == ""
    assert database.versions == [FIRST, SECOND, THIRD]


# ------------------------------------------------------------------------------ the schema after the code


def follow(run: ReleaseRun, error: Any) -> Any:
    """Let the schema follow older code that is live again."""
    previous = run.plan.facts.previous
    assert previous is not None
    expected = type(run.plan.facts.expected)(previous.commit, "development", previous.built_for)
    return undo_schema.follow_code(run, error, expected, undo_schema.due(run))


def test_the_older_code_is_verified_on_the_older_schema(world: World, database: FakeDatabase) -> None:
    """Its pages count now."""
    run = applied(world, RENAME, "rename")
    error = follow(run, ReleaseFailed("it answers 500"))

    assert f"undone by their rollback scripts: {FILES[0]}" in error.message
    assert [step["name"] for step in run.steps] == ["lock", "undo", "verify"]
    assert database.versions == [FIRST]


def test_older_code_that_does_not_work_then_is_a_stop(world: World, database: FakeDatabase) -> None:
    """The first error stays, and where to look is the hint."""
    run = applied(world, RENAME, "rename")
    driver = world.drivers["development"]
    driver.serve(driver.workspace, pages=(("/", 500),))
    error = follow(run, ReleaseFailed("it answers 500"))

    assert type(error) is ReleaseFailed
    assert "STOP: " in error.message
    assert "`invoke status`" in str(error.hint)


@pytest.mark.parametrize(
    ("error", "told"), [(TakenBack("undone on request", bad=False), True), (ReleaseFailed("bad"), False)]
)
def test_what_stays_is_told_once(world: World, database: FakeDatabase, error: Any, told: bool) -> None:
    """Of other errors `recover` says it."""
    run = applied(world, WIDEN, "widen")

    assert (FILES[1] in follow(run, error).message) == told


@pytest.mark.parametrize(
    ("change", "expected"),
    [({}, False), ({"undone": ("x.sql",)}, True), ({"restored": {"backup": "b1"}}, True)],
)
def test_whether_the_schema_of_the_newer_code_is_gone(
    back: ReleaseRun, change: dict[str, Any], expected: bool
) -> None:
    """Then that code must not be published again."""
    for name, value in change.items():
        setattr(back, name, value)

    assert undo_schema.gone_back(back) is expected


def test_a_schema_that_an_earlier_run_took_back_is_gone(world: World, database: FakeDatabase) -> None:
    """The database no longer has what the newer release brought."""
    released(world, RENAME)
    database.rows.pop()
    run = begun(world, BACK)

    assert undo_schema.gone_back(run)
