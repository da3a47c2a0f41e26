"""The database's part of a release: only the history that is read afterwards is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from scripts.config import supabase_cli
from scripts.database import supabase
from scripts.database.migrations import dry_run
from scripts.database.migrations.measurements import Measurement
from scripts.database.migrations.status import database_status
from scripts.database.postgres.client import Row
from scripts.database.postgres.lock_watch import Wait
from scripts.database.postgres.trouble import READ_ONLY
from scripts.database.request import DatabaseStatusRequest
from scripts.errors import (
    CommandFailed,
    CommandTimedOut,
    DeskError,
    Locked,
    Refused,
    ReleaseFailed,
    Unreachable,
)
from scripts.release import migrate
from scripts.release.cli_view import looking
from scripts.release.commands import deploy
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.plan_text import words
from scripts.release.request import DeployRequest, StatusRequest
from scripts.release.run import ReleaseRun
from scripts.release.status import status
from scripts.state.lock import LOCK_FILE, lock_ref
from scripts.system.command import Result
from scripts.system.signals import Stop
from tests.fakes.database import FakeDatabase
from tests.fakes.world import World, ending
from tests.unit.release.samples import begun

FIRST, SECOND, THIRD = "20240101000000", "20240102000000", "20240103000000"


def files(**sql: str) -> dict[str, str]:
    """Migrations of a commit: `second="..."`."""
    versions = {"second": SECOND, "third": THIRD}
    return {f"supabase/migrations/{versions[name]}_{name}.sql": text for name, text in sql.items()}


def undoing(**sql: str) -> dict[str, str]:
    """Their rollback scripts."""
    return {name.replace("migrations", "rollbacks"): text for name, text in files(**sql).items()}


@pytest.fixture
def database(world: World) -> FakeDatabase:
    """The database of development; the first migration is applied."""
    deploy(world.desk(), DeployRequest(env="development"))
    return world.databases["development"]


def bringing(world: World, changes: Mapping[str, str]) -> ReleaseRun:
    """A deploy of these files that holds its lock."""
    world.commit("develop", changes)
    return begun(world)


def apply(run: ReleaseRun) -> None:
    """The step, with what the CLI sees."""
    with looking(run) as view:
        migrate.migrate(run, view)


def migrated(run: ReleaseRun) -> DeskError:
    """The error of its migrations."""
    return ending(lambda: apply(run))


# ---------------------------------------------------------------------------------------- beforehand


def test_the_supabase_cli_must_be_there_before_anything_changes(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is something to push."""

    def missing(*_: object) -> None:
        raise Refused("the Supabase CLI is not installed")

    nothing_new = begun(world)
    nothing_new.lock.release()
    some = bringing(world, files(second="create table b ();"))
    monkeypatch.setattr(supabase_cli, "find", missing)
    migrate.ready(world.desk(), nothing_new.plan)

    assert "not installed" in ending(lambda: migrate.ready(world.desk(), some.plan)).message


def test_a_history_that_changed_since_the_plan_stops_the_push(world: World, database: FakeDatabase) -> None:
    """Somebody else has migrated; nothing is applied."""
    run = bringing(world, files(second="create table b ();"))
    database.rows.append(Row(THIRD, "theirs", ()))
    error = migrated(run)

    assert type(error) is Refused
    assert "changed since the plan was made" in error.message
    assert database.versions == [FIRST, THIRD]


def test_a_history_that_changed_since_the_cli_looked_stops_the_push(
    world: World, database: FakeDatabase
) -> None:
    """The CLI is asked while the commit is built; the desk reads again, under the database's lock."""
    run = bringing(world, files(second="create table b ();"))
    with looking(run) as view:
        assert view
        assert view.seen()[:2] == ({FIRST, SECOND}, {FIRST})
        database.rows.append(Row(THIRD, "theirs", ()))
        error = ending(lambda: migrate.migrate(run, view))

    assert "changed since the plan was made" in error.message
    assert database.versions == [FIRST, THIRD]


def test_a_cli_that_reads_other_files_stops_the_push(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The differing versions are named."""
    run = bringing(world, files(second="create table b ();"))
    seen = ({FIRST}, {FIRST}, None)
    monkeypatch.setattr(supabase, "asking_versions", lambda *_: nullcontext(lambda: seen))
    error = migrated(run)

    assert type(error) is Refused
    assert SECOND in error.message
    assert database.versions == [FIRST]


def test_nothing_is_pushed_under_a_lost_lock(world: World, database: FakeDatabase) -> None:
    """The remote is asked right before it."""
    run = bringing(world, files(second="create table b ();"))
    world.remote.refs[lock_ref("development")] = world.remote.commit({LOCK_FILE: "{}"})

    assert type(migrated(run)) is Locked
    assert database.versions == [FIRST]


def test_the_remote_is_asked_once_for_the_lock(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the database's lock, which may be waited for, and before the push."""
    run = bringing(world, files(second="create table b ();"))
    happened: list[str] = []
    ask, exclusive = run.desk.git.ls_remote, database.exclusive

    def asking() -> dict[str, str]:
        happened.append("asked")
        return ask()

    @contextmanager
    def held(wait: float, doing: str = "migration") -> Iterator[Any]:
        with exclusive(wait, doing) as lock:
            happened.append("held")
            yield lock

    monkeypatch.setattr(run.desk.git, "ls_remote", asking)
    database.exclusive = held  # type: ignore[method-assign]
    database.before_push = lambda: happened.append("pushed")
    apply(run)

    assert happened == ["held", "asked", "pushed"]


def test_a_database_that_somebody_else_migrates_is_locked(world: World, database: FakeDatabase) -> None:
    """By its own advisory lock."""
    run = bringing(world, files(second="create table b ();"))

    @contextmanager
    def exclusive(wait: float, doing: str = "migration") -> Any:
        raise Locked("a migration is under way")
        yield

    database.exclusive = exclusive  # type: ignore[method-assign]

    assert type(migrated(run)) is Locked
    assert database.versions == [FIRST]


def test_an_app_without_a_database_is_not_migrated(world: World) -> None:
    """There is no step."""
    development = world.settings.environments["development"]._replace(database=False)
    world.settings.environments["development"] = development  # type: ignore[index]
    run = begun(world)
    apply(run)
    migrate.rehearse(run)

    assert [step["name"] for step in run.steps] == ["lock"]


# -------------------------------------------------------------------------------------------- the push


def test_what_is_pending_is_applied_and_known(world: World, database: FakeDatabase) -> None:
    """The schema is the newest of the history."""
    run = bringing(world, files(second="create table b ();", third="create table c ();"))
    apply(run)

    assert database.versions == [FIRST, SECOND, THIRD]
    assert run.schema == THIRD
    assert run.migrated == (f"{SECOND}_second.sql", f"{THIRD}_third.sql")


def test_a_failing_file_is_named_with_what_is_applied(world: World, database: FakeDatabase) -> None:
    """And what is not."""
    run = bringing(world, files(second="create table b ();", third="create table c ();"))
    database.failing[THIRD] = "syntax error"
    error = migrated(run)

    assert type(error) is ReleaseFailed
    assert f"migration `{THIRD}_third.sql` failed on development" in error.message
    assert "syntax error" in error.message
    assert f"not applied: `{THIRD}_third.sql`" in error.message
    assert f"table public.t{SECOND}: made" in error.message
    assert (run.schema, run.migrated) == (SECOND, ())


def test_a_file_that_the_cli_left_out_has_failed(world: World, database: FakeDatabase) -> None:
    """Exit code 0 proves nothing."""
    run = bringing(world, files(second="create table b ();"))
    database.silent.add(SECOND)
    error = migrated(run)

    assert type(error) is ReleaseFailed
    assert "is not in the history of development, although `supabase db push` ended with 0" in error.message


def test_a_busy_table_is_named_with_its_holder(world: World, database: FakeDatabase) -> None:
    """Also where a migration had set its own limit, and the watch ended the wait."""
    run = bringing(world, files(second="set lock_timeout = 0; alter table a add b int;"))
    database.failing[SECOND] = "canceling statement due to user request"
    world.lock_watch.last = Wait(7, "public.a", 5.5, 4711, "postgres", "psql", "idle in transaction", 60)
    world.lock_watch.ended = True
    error = migrated(run)

    assert type(error) is CommandFailed
    assert "a table was busy (SQLSTATE 55P03)" in error.message
    assert "`public.a` is locked by `postgres` (psql), process 4711" in error.message
    assert "pg_terminate_backend(4711)" in str(error.hint)


def test_what_was_applied_before_is_undone_by_its_scripts(world: World, database: FakeDatabase) -> None:
    """If each of them has one."""
    run = bringing(
        world,
        files(second="alter table a rename to b;", third="create table c ();")
        | undoing(second="alter table b rename to a;"),
    )
    database.failing[THIRD] = "syntax error"
    error = migrated(run)

    assert "undone by their rollback scripts" in error.message
    assert database.versions == [FIRST]
    assert (run.schema, run.undone) == (FIRST, (f"{SECOND}_second.sql",))


def test_a_script_that_fails_then_is_told_and_hides_nothing(world: World, database: FakeDatabase) -> None:
    """STOP; the first error is still the first."""
    run = bringing(
        world,
        files(second="alter table a rename to b;", third="create table c ();")
        | undoing(second="alter table b rename to a;"),
    )
    database.failing[THIRD] = "syntax error"
    database.undo_fails[SECOND] = "permission denied"
    error = migrated(run)

    assert type(error) is ReleaseFailed
    assert error.message.index("syntax error") < error.message.index("STOP: ")
    assert "permission denied" in error.message
    assert database.versions == [FIRST, SECOND]
    assert run.schema == SECOND


HALF = "insert into a values (1);\ncreate unique index concurrently i on a (x);"
INVALID = ("index public.i CREATE UNIQUE INDEX i ON public.a USING btree (x) INVALID",)


def left_behind(database: FakeDatabase) -> None:
    """What the server keeps of a file whose statements stand for themselves."""
    database.left["table public.a"] = INVALID
    database.counts["public.a"] = (8, 1)


def test_what_a_half_applied_file_left_is_told_and_remembered(world: World, database: FakeDatabase) -> None:
    """In the message, in the ledger's event, in `status`, `db.status` and the next plan."""
    database.left["table public.a"] = ("table r p",)
    database.counts["public.a"] = (7, 0)
    world.commit("develop", files(second=HALF))
    database.before_push = lambda: left_behind(database)
    database.failing[SECOND] = "could not create unique index"
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    file = f"{SECOND}_second.sql"

    assert type(error) is ReleaseFailed
    assert "none of the release" not in error.message
    assert f"  |   table public.a: now `{INVALID[0]}`" in error.message
    assert "  |   table public.a: 1 rows written (7 before, 8 now)" in error.message
    assert world.last("development").detail["half_applied"]["file"] == file
    said = f"a part of `{file}` stands since v2, which failed: table public.a: now"
    shown = status(world.desk(), StatusRequest()).data["environments"][0]["problems"]
    checked = database_status(world.desk(), DatabaseStatusRequest(env="development"))
    facts = observe(world.desk(), DeployRequest(env="development"))
    assert any(each.startswith(said) for each in shown)
    assert (checked.code, said in checked.message) == (1, True)
    assert facts.half[0].startswith(said)
    assert any(said in line for line in words(decide(replace(facts, request=DeployRequest(retry=True)))))


def test_what_was_cleaned_up_by_hand_stands_no_longer(world: World, database: FakeDatabase) -> None:
    """Where only objects were left; also after a release that went well."""
    world.commit("develop", files(second="create type m as enum ('a'); vacuum;"))
    database.before_push = lambda: database.left.update({"type public.m": ("e 'a'",)})
    database.failing[SECOND] = "no"
    ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    standing = observe(world.desk(), DeployRequest(env="development")).half
    del database.left["type public.m"]
    cleaned = observe(world.desk(), DeployRequest(env="development")).half
    database.left["type public.m"] = ("e 'a'",)
    database.failing.clear()
    deploy(world.desk(), DeployRequest(env="development", retry=True))

    assert len(standing) == 1
    assert cleaned == observe(world.desk(), DeployRequest(env="development")).half == ()


def test_a_file_in_one_transaction_leaves_nothing(world: World, database: FakeDatabase) -> None:
    """That is said as well; rows are not counted for it."""
    run = bringing(world, files(second="create table b ();"))
    database.failing[SECOND] = "syntax error"
    error = migrated(run)

    assert f"  | nothing of `{SECOND}_second.sql` is in the database" in error.message
    assert run.half_applied is None


def test_rows_that_could_not_be_counted_are_unknown(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That fails no release, and is said when one fails."""
    run = bringing(world, files(second=HALF))
    look = database.state

    def state(is_ours: Any, *, rows: bool = False, since: int = 0) -> Any:
        if rows:
            raise Unreachable("statement timeout")
        return look(is_ours, rows=rows, since=since)

    monkeypatch.setattr(database, "state", state)
    database.failing[SECOND] = "no"

    assert "  |   whether rows changed is unknown" in migrated(run).message


def test_an_interrupted_file_is_looked_at(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its objects, not its rows: there are seconds to give up."""
    run = bringing(world, files(second=HALF))

    def interrupted(*_call: object) -> Result:
        database.left["table public.a"] = INVALID
        raise Stop(2)

    monkeypatch.setattr(migrate, "run_polling", interrupted)
    with pytest.raises(Stop):
        apply(run)

    assert run.half_applied is not None
    assert run.half_applied["stands"] == ["table public.a: made"]


@pytest.mark.parametrize(
    "said",
    ["failed to connect", "SQLSTATE 53300", "SQLSTATE 55P03", "ECONNRESET", "Connection terminated"],
)
def test_trouble_of_the_server_is_no_fault_of_the_file(
    world: World, database: FakeDatabase, said: str
) -> None:
    """Another try may well succeed; what is applied is told."""
    run = bringing(world, files(second="create table b ();"))
    database.failing[SECOND] = said
    error = migrated(run)

    assert type(error) is CommandFailed
    assert f"not applied: `{SECOND}_second.sql`" in error.message


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("cannot execute CREATE TABLE in a read-only transaction (SQLSTATE 25006)", "is read-only"),
        ("could not extend file: No space left on device (SQLSTATE 53100)", "has no disk space left"),
        ("too many clients already (SQLSTATE 53300)", "takes no more connections"),
        ("cannot execute CREATE TABLE during recovery (SQLSTATE 25006)", "is a standby"),
    ],
)
def test_the_state_of_the_server_is_named(
    world: World, database: FakeDatabase, said: str, state: str
) -> None:
    """With what to do; the commit is not marked as failed."""
    run = bringing(world, files(second="create table b ();"))
    database.failing[SECOND] = said
    error = migrated(run)

    assert type(error) is CommandFailed
    assert error.message.startswith(f"the database of development {state}")
    assert error.hint


def test_a_read_only_database_is_found_before_anything_changes(
    world: World, database: FakeDatabase
) -> None:
    """Without a lock, and only where there is something to apply."""
    database.unwritable = READ_ONLY
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", files(second="create table b ();"))
    events = len(world.ledger.events)
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))

    assert (type(error), error.code) == (Unreachable, 3)
    assert "is read-only" in error.message
    assert "disk" in (error.hint or "")
    assert len(world.ledger.events) == events
    database.unwritable = None
    deploy(world.desk(), DeployRequest(env="development"))  # needs no `--retry`

    assert database.versions == [FIRST, SECOND]


def test_an_invalid_index_is_a_failed_migration(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`create index concurrently` ended well and left a broken one; an old one of others is not ours."""
    catalogue = frozenset({"invalid index old_one"})
    answers = [catalogue, catalogue | {"invalid index public.b_i"}]
    run = bringing(world, files(second="create index concurrently b_i on a (x);"))
    monkeypatch.setattr(database, "catalogue", lambda: answers.pop(0) if len(answers) > 1 else answers[0])
    error = migrated(run)

    assert type(error) is ReleaseFailed
    assert "`public.b_i`" in error.message
    assert "old_one" not in error.message
    assert run.migrated == (f"{SECOND}_second.sql",)


def test_an_index_that_was_broken_before_counts_if_the_file_names_it(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`if not exists` takes the broken index of an earlier try for a good one."""
    run = bringing(world, files(second="create index concurrently if not exists b_i on a (x);"))
    monkeypatch.setattr(database, "catalogue", lambda: frozenset({"invalid index public.b_i"}))

    assert "`public.b_i`" in migrated(run).message


# --------------------------------------------------------------------------------- a CLI that is killed


def cli_ends(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    """The call of `supabase db push` ends so."""

    def attempt(*_call: object) -> Result:
        if isinstance(end, BaseException):
            raise end
        return Result(end, b"", b"killed", 1.0)

    monkeypatch.setattr(migrate, "run_polling", attempt)


@pytest.fixture
def ended_pushes(database: FakeDatabase) -> list[str]:
    """Since when pushes were ended in the server."""
    since: list[str] = []
    database.end_pushes = since.append  # type: ignore[method-assign, assignment]
    return since


@pytest.mark.parametrize("code", [0, 1])
def test_a_cli_that_ended_by_itself_left_nothing_running(
    world: World,
    database: FakeDatabase,
    ended_pushes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    run = bringing(world, files(second="create table b ();"))
    cli_ends(monkeypatch, code)
    migrated(run)

    assert ended_pushes == []


@pytest.mark.parametrize("end", [130, -9, CommandTimedOut("it took longer than 900 s")])
def test_what_a_killed_cli_left_running_is_ended_before_the_history_is_read(
    world: World, database: FakeDatabase, ended_pushes: list[str], monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    """It would commit behind our back."""
    run = bringing(world, files(second="create table b ();"))
    cli_ends(monkeypatch, end)
    error = migrated(run)

    assert ended_pushes == [database.now()]
    assert f"`{SECOND}_second.sql`" in error.message


LOST = Unreachable("the session that held the lock was ended")


def test_a_push_whose_lock_was_ended_is_looked_at_by_who_holds_the_environment(
    world: World, database: FakeDatabase, ended_pushes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server was restarted, say: what it left running is ended, and the history decides."""
    run = bringing(world, files(second="create table b ();"))
    run.lock.acquire()
    cli_ends(monkeypatch, LOST)
    error = migrated(run)

    assert type(error) is CommandFailed
    assert ended_pushes == [database.now()]
    assert f"not applied: `{SECOND}_second.sql`" in error.message


def test_a_run_that_was_replaced_touches_nothing_more(
    world: World, database: FakeDatabase, ended_pushes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor ended the session, and may be migrating by now."""
    run = bringing(world, files(second="create table b ();"))
    cli_ends(monkeypatch, LOST)

    def taken_over(refs: object) -> bool:
        run.lock.lost = True
        return False

    monkeypatch.setattr(run.lock, "reconcile", taken_over)

    assert type(migrated(run)) is Locked
    assert ended_pushes == []


def test_a_run_that_can_not_ask_for_its_lock_touches_nothing_more(
    world: World, ended_pushes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bringing(world, files(second="create table b ();"))
    cli_ends(monkeypatch, LOST)

    def away() -> None:
        raise CommandFailed("no remote")

    monkeypatch.setattr(run.desk.git, "ls_remote", away)

    assert type(migrated(run)) is Unreachable
    assert ended_pushes == []


def test_an_interruption_ends_what_is_running_and_goes_on(
    world: World, database: FakeDatabase, ended_pushes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is read, so that the ledger says what is true."""
    run = bringing(world, files(second="create table b ();"))
    cli_ends(monkeypatch, Stop("SIGTERM"))
    with pytest.raises(Stop):
        apply(run)

    assert ended_pushes == [database.now()]
    assert run.schema == FIRST


def test_a_database_that_is_away_afterwards_is_told(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is applied is not known; it is no verdict on the file."""
    run = bringing(world, files(second="create table b ();"))
    push = database.push

    def away() -> list[Row]:
        raise Unreachable("no connection", "look at the server")

    def attempt(call: Any, *_: object) -> Result:
        result = push(call.files)
        database.history = away  # type: ignore[method-assign]
        return result

    monkeypatch.setattr(migrate, "run_polling", attempt)
    error = migrated(run)

    assert type(error) is CommandFailed
    assert "no connection" in error.message
    assert run.schema is None


# ------------------------------------------------------------------------------------------- dry runs


def with_dry_run(run: ReleaseRun) -> ReleaseRun:
    """`[rehearse] before` is on."""
    settings = run.desk.settings
    run.desk = replace(
        run.desk, settings=replace(settings, rehearse=settings.rehearse._replace(before=True))
    )
    return run


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> tuple[Measurement, ...]:
    """What a dry run finds."""
    found = (Measurement(f"{SECOND}_second.sql", "development", 0.5),)
    monkeypatch.setattr(dry_run, "measure", lambda *_: found)
    return found


def test_a_dry_run_comes_before_the_migrations(
    world: World, database: FakeDatabase, measured: tuple[Measurement, ...]
) -> None:
    """What it measured is kept for the event; it can be switched off."""
    run = bringing(world, files(second="create table b ();"))
    migrate.rehearse(run)
    off = list(run.measured)
    migrate.rehearse(with_dry_run(run))

    assert off == []
    assert run.measured == measured
    assert [step["name"] for step in run.steps] == ["lock", "rehearse"]
    assert database.versions == [FIRST]


def test_a_dry_run_that_refuses_leaves_the_measurement(
    world: World,
    database: FakeDatabase,
    measured: tuple[Measurement, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event of the failed attempt has it."""

    def refuse(*_: object) -> None:
        raise Refused("it would block writers")

    run = with_dry_run(bringing(world, files(second="create table b ();")))
    monkeypatch.setattr(dry_run, "refuse_long", refuse)

    assert type(ending(lambda: migrate.rehearse(run))) is Refused
    assert run.measured == measured
    assert database.versions == [FIRST]


@pytest.mark.parametrize("case", ["refused", "accepted", "unguarded"])
def test_rows_that_the_dry_run_counted_decide(
    world: World, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """A guarded environment is told file, table and count before anything changes."""
    run = with_dry_run(bringing(world, files(second="create table b ();")))
    facts = run.plan.facts
    environment = run.environment._replace(guarded=case != "unguarded")
    request = replace(facts.request, accept_irreversible=case == "accepted")
    run.plan = replace(run.plan, facts=replace(facts, environment=environment, request=request))
    found = Measurement(f"{SECOND}_second.sql", "development", 0.5, updated={"public.a": 1633})
    monkeypatch.setattr(dry_run, "measure", lambda *_: (found,))
    if case != "refused":
        migrate.rehearse(run)
        return
    error = ending(lambda: migrate.rehearse(run))

    assert type(error) is Refused
    assert "no way back for 1 migration on development" in error.message
    assert (
        f"{SECOND}_second.sql: irreversible (the dry run on development updates 1633 rows of `public.a`"
        in error.message
    )
    assert "nothing was changed" in error.message
    assert "`invoke deploy --env development --accept-irreversible`" in str(error.hint)
    assert database.versions == [FIRST]
