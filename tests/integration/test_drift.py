"""`db.status` and `db.drift` against real databases: what was changed by hand is found, and named."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from scripts.config import supabase_cli
from tests.integration.desk import Desk
from tests.support import skips

pytestmark = pytest.mark.timeout(600)

# the queries are put together from constants
# ruff: noqa: S608
DEV = ("--from", "development", "--against", "migrations")
V = "20990201000000"
SAVED = "update supabase_migrations.schema_migrations set statements = "


@pytest.fixture
def base(desk: Desk) -> Desk:
    """Development is what its migrations make."""
    desk.commit({"NOTES.md": f"{time.time()}\n"})
    assert desk("deploy", "--env", "development", "--wait").code == 0
    return desk


@pytest.fixture
def by_hand(base: Desk) -> Iterator[Desk]:
    """Somebody works on development in the dashboard, and cleans up."""
    base.sql("development", "create table public.drift_t (id int primary key)")
    base.sql("development", "alter table public.bookings add column drift_c text")
    base.sql("development", "create policy drift_p on storage.objects for select using (bucket_id = 'x')")
    try:
        yield base
    finally:
        base.sql("development", "drop table public.drift_t")
        base.sql("development", "alter table public.bookings drop column drift_c")
        base.sql("development", "drop policy drift_p on storage.objects")


def test_a_database_is_what_its_migrations_make(base: Desk) -> None:
    call = base("db.drift", *DEV)

    assert (call.code, call.document["drift"], call.document["differences"]) == (0, False, []), call.err
    assert call.document["sql"] == ""
    assert call.document["replayed"] >= 5


def test_what_was_changed_by_hand_is_found(by_hand: Desk) -> None:
    """A table, a column and a policy on a platform's table; the CLI's own difference says it in SQL."""
    call = by_hand("db.drift", *DEV)
    found = {each["thing"]: each for each in call.document["differences"]}

    assert (call.code, call.document["ending"], call.document["drift"]) == (1, "failed", True)
    assert set(found) == {
        "table public.drift_t",
        "table public.bookings",
        "policy drift_p on storage.objects",
    }
    assert (
        found["table public.drift_t"]["change"],
        found["table public.bookings"]["lines"],
    ) == ("added", ["+column drift_c text"])
    assert "drift_c" in call.document["sql"]


def test_two_databases(by_hand: Desk) -> None:
    """From the one to the other and back: what is added here is removed there."""
    there = by_hand("db.drift", "--from", "development", "--to", "development")
    other = by_hand("db.drift", "--from", "development", "--to", "production")

    assert there.code == 0, there.err
    assert other.code == 1
    changes = {each["thing"]: each["change"] for each in other.document["differences"]}
    assert changes["table public.drift_t"] == "removed"


def test_an_edited_file_and_an_unknown_version(base: Desk) -> None:
    """The history says what was applied; the files say something else: `db.status` ends with 1."""
    history = "supabase_migrations.schema_migrations"
    ((first, statements),) = base.sql(
        "development", f"select version, statements from {history} order by version limit 1"
    )
    try:
        base.sql("development", f"{SAVED} array['select 7'] where version = '{first}'")
        base.sql("development", f"insert into {history} (version, name) values ('{V}', 'gone')")
        call = base("db.status", "--env", "development")
        found = call.document["environments"][0]
    finally:
        import psycopg

        url = base.world.environment("development").database_url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"{SAVED} %s where version = %s".encode(), [statements, first])
            connection.execute(f"delete from {history} where version = '{V}'".encode())

    assert (call.code, found["state"]) == (1, "diverged")
    assert found["missing"] == [V]
    assert [each.partition("_")[0] for each in found["edited"]] == [first]
    assert base("db.status", "--env", "development").code == 0


def test_a_history_that_lost_rows_and_a_table_that_is_gone(base: Desk) -> None:
    """The ledger knows better: `db.status` ends with 1, no plan applies them again, the hint fixes it."""
    history = "supabase_migrations.schema_migrations"
    base.sql("development", f"create table public.kept_history as select * from {history}")
    base.sql("development", "alter table public.bookings rename to bookings_x")
    gone = base("db.status", "--env", "development")
    base.sql("development", "alter table public.bookings_x rename to bookings")
    versions = base.versions("development")
    try:
        base.sql("development", f"delete from {history} where version = '{versions[-1]}'")
        newest = base("db.status", "--env", "development")
        base.sql("development", f"delete from {history}")
        emptied = base("db.status", "--env", "development")
        plan = base("deploy", "--env", "development", "--plan")
        (repair,) = re.findall(r"`supabase (migration repair[^`]*)`", plan.document["hint"])
        binary = supabase_cli.find(base.world.clone, "")
        subprocess.run(
            ["bash", "-ec", f"{binary} {repair} --yes"],
            cwd=base.world.clone,
            env={**os.environ, "DATABASE_URL": base.world.environment("development").database_url},
            check=True,
            capture_output=True,
        )
        fixed = base("db.status", "--env", "development")
    finally:
        base.sql("development", f"delete from {history}")
        base.sql("development", f"insert into {history} select * from public.kept_history")
        base.sql("development", "drop table public.kept_history")

    assert gone.code == newest.code == emptied.code == plan.code == 1, plan.err
    assert "though no migration dropped it: `table public.bookings`" in gone.document["message"]
    assert f"the history lost `{versions[-1]}`" in newest.document["message"]
    assert "the history is empty" in emptied.document["message"]
    assert "the history of development is empty" in plan.document["refused"]
    assert fixed.code == 0, fixed.err


@skips.LONG
def test_migrations_that_can_not_be_replayed_from_empty(base: Desk) -> None:
    """One leans on what was made by hand: it stands in the database, but no new one could be made."""
    base.sql("development", "create type public.drift_hand as (id int)")
    name = f"supabase/migrations/{V}_leans.sql"
    base.commit({name: "alter type public.drift_hand add attribute more int;\n"})
    try:
        assert base("deploy", "--env", "development").code == 0
        call = base("db.drift", *DEV)
    finally:
        base.remove(name)
        base.sql("development", "drop type if exists public.drift_hand")
        base.sql("development", f"delete from supabase_migrations.schema_migrations where version = '{V}'")
        assert base("deploy", "--env", "development").code == 0

    assert call.code == 1
    assert f"can't be replayed from empty: `{V}_leans.sql`" in call.document["message"]
    assert "drift_hand" in call.document["message"]


@pytest.mark.parametrize("choice", [(), ("--against", "hopes"), ("--to", "staging", *DEV[2:])])
def test_one_other_side_and_no_more(base: Desk, choice: tuple[str, ...]) -> None:
    call = base("db.drift", "--from", "development", *choice)

    assert call.code == 1
    assert "--against migrations" in call.document["hint"]
