"""Pending migrations run on the real database in a transaction that is rolled back, and are measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.database.migrations import dry_run
from scripts.database.postgres.client import BACKUP, Postgres
from scripts.database.postgres.content import read_snapshot
from scripts.database.postgres.lock_watch import named_waits
from scripts.database.postgres.url import Database, parse_database
from scripts.errors import CommandFailed, Unreachable
from tests.integration.desk import Desk
from tests.support import skips

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def database(desk: Desk) -> Iterator[Database]:
    """A database in which two tables stand, one of them with 1,000 rows."""
    url = desk.world.environment("staging").database_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table public.trial_t (id int primary key, n int)")
        connection.execute("insert into public.trial_t select i, i from generate_series(1, 1000) i")
        connection.execute('create table public."Trial U" (id int)')
        connection.execute("create type public.trial_e as enum ('a')")
        connection.execute("select pg_stat_force_next_flush()")  # the server counts its rows now
        try:
            yield parse_database(url, None, where="test", folder=Path())
        finally:
            connection.execute('drop table public.trial_t, public."Trial U"')
            connection.execute("drop type public.trial_e")


def execute(database: Database, *sql: str, limit: float = 10) -> list[dry_run.DryRun]:
    files = [(f"{number}.sql", text) for number, text in enumerate(sql)]
    return dry_run.execute(database, files, lock_timeout=0.3, limit=limit)


def test_locks_rewrites_and_rows_are_those_of_each_file(database: Database) -> None:
    """A rewrite, an update, an index, a column: each with its own; new tables are nobody's trouble."""
    before = Postgres(database).catalogue()
    rewrite, update, index, column, new = execute(
        database,
        "alter table public.trial_t alter n type bigint",
        "update public.trial_t set n = n + 1 where id <= 7",
        'create index on public."Trial U" (id)',
        'alter table public."Trial U" add column more int',
        "create table public.trial_new as select * from public.trial_t",
    )

    assert "AccessExclusiveLock" in rewrite.locks["public.trial_t"]
    assert rewrite.rewritten["public.trial_t"] > 20_000
    assert (update.rows, update.rewritten) == ({"public.trial_t": 7}, {})
    assert index.locks['public."Trial U"'] == ("ShareLock",)
    assert "AccessExclusiveLock" in column.locks['public."Trial U"']
    assert (new.rows, new.rewritten) == ({}, {})
    assert Postgres(database).catalogue() == before


def test_rows_that_existed_are_counted_apart(database: Database) -> None:
    """What was inserted destroys nothing; what a function, a trigger or `truncate` does is counted."""
    update, delete, insert, hidden, emptied = execute(
        database,
        "update public.trial_t set n = n + 1 where id <= 7",
        "delete from public.trial_t where id between 8 and 10",
        "insert into public.trial_t values (2000, 1)",
        "do $$ begin execute 'dele' || 'te from public.trial_t where id = 11'; end $$",
        "truncate public.trial_t",
    )
    table = "public.trial_t"

    assert (update.updated, update.deleted, update.rows) == ({table: 7}, {}, {table: 7})
    assert (delete.updated, delete.deleted) == ({}, {table: 3})
    assert (insert.updated, insert.deleted, insert.rows) == ({}, {}, {table: 1})
    assert hidden.deleted == {table: 1}
    assert emptied.deleted == {table: 1000}


def test_the_first_that_fails_ends_it(database: Database) -> None:
    """Its line and the server's words are known; what ran before it was measured, and is gone."""
    before = Postgres(database).catalogue()
    good, bad = execute(
        database, "create table public.x()", "select 1;\n\ninsert into public.nowhere values (1)", ""
    )

    assert (good.fault, bad.cause, bad.line) == (None, "file", 3)
    assert "nowhere" in str(bad.fault)
    assert Postgres(database).catalogue() == before


def test_a_busy_table_is_given_up(database: Database, desk: Desk) -> None:
    """Somebody reads it in an open transaction: nobody waits behind us for longer than `lock_timeout`."""
    url = desk.world.environment("staging").database_url
    with psycopg.connect(url) as reader:
        reader.execute("select 1 from public.trial_t")
        started = time.monotonic()
        (found,) = execute(database, "alter table public.trial_t add column c int")

    assert found.cause == "busy"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "sql", ["set lock_timeout = '1h'; {}", "do $$ begin set lock_timeout = 0; {}; end $$", "{}"]
)
def test_a_lock_is_given_up_whatever_the_migration_sets(database: Database, desk: Desk, sql: str) -> None:
    """And the table and who holds it are named."""
    url = desk.world.environment("staging").database_url
    with psycopg.connect(url, application_name="a person") as other:
        other.execute("lock table public.trial_t in access exclusive mode")
        (found,) = execute(database, sql.format("alter table public.trial_t add column c int"), limit=60)

    assert found.cause == "busy"
    assert found.seconds < 30
    assert "`public.trial_t` is locked by `postgres` (a person), process " in found.holder[0]
    assert "pg_terminate_backend(" in found.holder[1]


def test_a_lock_on_a_table_that_no_migration_needs_holds_up_nobody(database: Database, desk: Desk) -> None:
    """Nothing that is measured takes a lock of its own."""
    url = desk.world.environment("staging").database_url
    with psycopg.connect(url) as other:
        other.execute("lock table public.trial_t in access exclusive mode")
        (found,) = execute(database, 'create index on public."Trial U" (id)', limit=60)

    assert (found.fault, found.seconds < 30) == (None, True)


def test_a_backup_that_waits_for_a_table_names_it(database: Database, desk: Desk) -> None:
    """Before a release waits half a minute for a dump."""
    url = desk.world.environment("staging").database_url
    with psycopg.connect(url, application_name="a person") as other:
        other.execute("lock table public.trial_t in access exclusive mode")
        with (
            pytest.raises(CommandFailed, match="was busy") as caught,
            named_waits(database, [BACKUP], 0.3),
            read_snapshot(database) as reader,
        ):
            reader.tables()

    assert "`public.trial_t` is locked by `postgres` (a person), process " in caught.value.message
    assert "pg_terminate_backend(" in str(caught.value.hint)


def test_all_statements_together_have_a_limit(database: Database) -> None:
    """Twenty short statements are one long transaction."""
    first, second = execute(database, "select 1", "select pg_sleep(0.2);" * 20, limit=1)

    assert (first.fault, second.cause) == (None, "late")
    assert second.seconds < 3


def test_a_new_value_of_an_enum_needs_a_commit(database: Database) -> None:
    _add, use = execute(database, "alter type public.trial_e add value 'b'", "select 'b'::public.trial_e")

    assert use.cause == "uncommitted"


def test_a_server_that_ends_the_session(database: Database, desk: Desk) -> None:
    """It is said, and no fault of the file."""
    end = "select pg_terminate_backend(pid) from pg_stat_activity where query like '%sleep(7)%' and pid <> pg_backend_pid()"  # noqa: E501

    def kill() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not desk.sql("staging", end):
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    (found,) = execute(database, "select pg_sleep(7)")
    killer.join()

    assert found.cause == "server"


@skips.LONG
def test_a_read_only_database_is_its_own_fault(desk: Desk) -> None:
    """In rehearsal, `doctor`, `db.status` and release: code 3, and no `--retry` afterwards."""
    name = "supabase/migrations/20990301000000_read_only.sql"
    assert desk("deploy", "--env", "development", "--wait").code == 0
    desk.commit({name: "create type public.trial_ro as enum ();\n"})
    (row,) = desk.sql("development", "select current_database()")
    switch = f'alter database "{row[0]}" set default_transaction_read_only'
    try:
        desk.sql("development", f"{switch} = on")
        deployed = desk("deploy", "--env", "development")
        doctor, status = desk("doctor"), desk("db.status", "--env", "development")
        address = parse_database(
            desk.world.environment("development").database_url, None, where="test", folder=Path()
        )
        (tried,) = execute(address, "create type public.trial_ro as enum ()")
        with pytest.raises(Unreachable, match="is read-only"):
            Postgres(address).undo([("1", "drop table public.x")], lock_timeout=1, timeout=5)
    finally:
        url = desk.world.environment("development").database_url
        writable = "-c default_transaction_read_only=off"
        with psycopg.connect(url, autocommit=True, options=writable) as connection:
            connection.execute(f"{switch} = off".encode())
    again = desk("deploy", "--env", "development")
    desk.remove(name)
    desk.sql("development", "drop type public.trial_ro")
    desk.sql("development", "delete from supabase_migrations.schema_migrations where version like '2099%'")
    assert desk("deploy", "--env", "development").code == 0

    assert (deployed.code, "is read-only" in deployed.document["message"]) == (3, True), deployed.err
    assert "disk" in deployed.document["hint"]
    assert (doctor.code, status.code) == (1, 1)
    assert "is read-only" in "".join(
        each["message"] for each in doctor.document["checks"] if each["state"] == "error"
    )
    assert "is read-only" in "".join(status.document["environments"][0]["problems"])
    assert tried.cause == "server"
    assert again.code == 0, again.err
