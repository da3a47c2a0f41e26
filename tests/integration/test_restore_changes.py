"""What may happen to a schema after a backup: a restore brings it back whole, as its plan says.

One backup, one change after another. What is back is compared with the state before by `restores.state`:
checksums of every table, and every line of the schema.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.database.postgres.client import session
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.url import Database
from scripts.database.restore import losses, platform, swap_schemas
from scripts.errors import Refused
from tests.support import restores
from tests.support.restores import run

pytestmark = pytest.mark.timeout(60 * 20)

MORE = """
create extension citext with schema extensions;
create table public.t1 (id int primary key, note text, nick extensions.citext);
insert into public.t1 select i, 'n' || i, 'Nick' || i from generate_series(1, 40) i;
create table public.t2 (id int primary key, t1 int references public.t1 (id));
insert into public.t2 select i, i from generate_series(1, 40) i;
create sequence public.numbers start 100;
select nextval('public.numbers');
create type public.mood as enum ('sad', 'happy');
create table public.moods (id int primary key, mood public.mood);
insert into public.moods values (1, 'sad'), (2, 'happy');
insert into storage.objects (bucket_id, name) values ('photos', 'a.jpg'), ('photos', 'b.jpg');
create function public.twice(int) returns int language sql immutable as 'select $1 * 2';
create view public.t1_names as select id, note from public.t1;
create procedure public.clean() language sql as 'delete from public.t2 where false'
"""
# table -> rows inserted, updated, deleted since; or, for a new table, its rows
Counts = dict[str, tuple[int, int, int] | int]
CHANGES: dict[str, tuple[str, Counts]] = {
    "nothing": ("select 1", {}),
    "drop a table": ("drop table public.t1 cascade", {"public.t1": (0, 0, 40)}),
    "rename a table": (
        "alter table public.t1 rename to t9",
        {"public.t1": (0, 0, 40), "public.t9": 40},
    ),
    "move a table to another schema": (
        "alter table public.t1 set schema billing",
        {"public.t1": (0, 0, 40), "billing.t1": 40},
    ),
    "move a table to a new schema": (
        "create schema fresh; alter table public.t1 set schema fresh",
        {"public.t1": (0, 0, 40), "fresh.t1": 40},
    ),
    "drop a column": ("alter table public.t1 drop column note cascade", {}),
    "rename a column": ("alter table public.t1 rename note to remark", {}),
    "change a type": (
        "alter table public.t2 alter t1 type bigint, alter id type text using 'x' || id",
        {"public.t2": (40, 0, 40)},
    ),
    "drop a schema": (
        "drop schema billing cascade",
        {"billing.payments": (0, 0, 300)},
    ),
    "rename a schema": (
        "alter schema billing rename to invoicing",
        {"billing.payments": (0, 0, 300), "invoicing.payments": 300},
    ),
    "drop public": (
        "drop schema public cascade",
        {
            "public.t1": (0, 0, 40),
            "public.t2": (0, 0, 40),
            "public.moods": (0, 0, 2),
            "public.bookings": (0, 0, 300),
            "public.events_2026": (0, 0, 300),
            "public.Odd name": (0, 0, 3),
            "public.profiles": (0, 0, 20),
        },
    ),
    "a new schema": (
        "create schema fresh; create table fresh.t (id int); insert into fresh.t values (1), (2)",
        {"fresh.t": 2},
    ),
    "a new table that refers to an old one": (
        "create table public.t3 (t1 int references public.t1 (id)); insert into public.t3 values (7)",
        {"public.t3": 1},
    ),
    "drop a function": ("drop function public.mine(text) cascade", {}),
    "replace a function": (
        "create or replace function public.twice(int) returns int language sql immutable as 'select 0'",
        {},
    ),
    "drop a procedure": ("drop procedure public.clean()", {}),
    "drop a type": ("drop type public.mood cascade", {}),
    "a new value of an enum": ("alter type public.mood add value 'mad' before 'sad'", {}),
    "rename a value of an enum": (
        "alter type public.mood rename value 'sad' to 'blue'",
        {"public.moods": (0, 1, 0)},
    ),
    "drop a trigger of the platform's": ("-- admin: drop trigger on_auth_user_created on auth.users", {}),
    "drop a policy of the platform's": ('drop policy "my own objects" on storage.objects', {}),
    "another policy of the platform's": (
        "create policy everyone on storage.objects for select to anon using (true)",
        {},
    ),
    "drop a policy": ('drop policy "my bookings" on public.bookings', {}),
    "leave a publication": ("alter publication supabase_realtime drop table public.bookings", {}),
    "detach a partition": ("alter table public.events detach partition public.events_2026", {}),
    "drop a partition": ("drop table public.events_2026", {"public.events_2026": (0, 0, 300)}),
    "drop a partitioned table": ("drop table public.events", {"public.events_2026": (0, 0, 300)}),
    "drop a sequence": ("drop sequence public.numbers", {}),
    "alter a sequence": ("alter sequence public.numbers increment 7 restart 5", {}),
    "drop a view": ("drop view public.t1_names", {}),
    "drop a materialized view": ("drop materialized view public.totals", {}),
    "turn row security off": ("alter table public.bookings disable row level security", {}),
    "another owner": (
        "grant create on schema public to keeper; alter table public.moods owner to keeper",
        {},
    ),
    "drop an extension": (
        "drop extension citext cascade",
        {},
    ),
    "a view in the place of a table": (
        "drop table public.t2; create view public.t2 as select id, id as t1 from public.t1",
        {"public.t2": (0, 0, 40)},
    ),
    "a table in the place of a view": (
        "drop view public.t1_names; create table public.t1_names as select 1 as id",
        {"public.t1_names": 1},
    ),
    "another key": (
        "alter table public.t2 drop constraint t2_pkey, add primary key (t1)",
        {},
    ),
    "no history": ("drop schema supabase_migrations cascade", {}),
    "truncated": ("truncate public.t1 cascade", {"public.t1": (0, 0, 40), "public.t2": (0, 0, 40)}),
    "revoked": ("revoke all on public.t2 from authenticated, anon, service_role", {}),
    "other defaults": (
        "alter default privileges in schema billing revoke select on tables from authenticated",
        {},
    ),
    "a comment": ("comment on table public.t1 is 'other'; comment on schema public is null", {}),
}


# changes that don't touch one another, for one restore each; `DESK_EACH_CHANGE=1`: one restore a change
GROUPS = [
    ("nothing",),
    ("drop a table", "drop a policy of the platform's", "replace a function", "leave a publication",
     "drop a materialized view", "alter a sequence"),
    ("rename a table", "drop a function", "a new schema", "drop a partition", "drop a view"),
    ("drop a trigger of the platform's",),
    ("move a table to another schema", "detach a partition", "another policy of the platform's",
     "drop a sequence", "turn row security off"),
    ("move a table to a new schema", "drop a type", "rename a schema"),
    ("drop a column", "change a type", "rename a value of an enum", "drop a procedure", "other defaults"),
    ("rename a column", "another key", "drop a schema", "drop a policy", "another owner"),
    ("drop public", "no history"),
    ("a new table that refers to an old one", "a new value of an enum", "revoked", "a comment",
     "drop a partitioned table"),
    ("a view in the place of a table", "a table in the place of a view", "drop an extension"),
    ("truncated",),
]  # fmt: skip
EACH = [(name,) for name in CHANGES] if os.environ.get("DESK_EACH_CHANGE") else GROUPS
UNSEEN = {("nothing",)}
OWNERS = """select c.relname, c.relowner::regrole::text from pg_class c
where c.relnamespace = 'public'::regnamespace order by 1"""
# they drop a trigger on auth.users, and only the table's owner may drop what is back
OWNERS_ALONE = {"drop a trigger of the platform's", "drop public"}
ADMIN = "-- admin: "  # the stand-in's `postgres` may not do what Supabase lets it do


@pytest.fixture(scope="module", params=restores.MAJORS, ids=lambda each: str(each or "wheel"))
def server(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """A server dressed as Supabase; its `postgres` is no superuser."""
    with restores.serving(request.param, options=("fsync=off",)) as made:
        with made.connect("postgres") as admin:
            admin.execute("create role keeper")
            admin.execute("grant keeper to postgres with inherit true, set true")
        yield made


@pytest.fixture(scope="module")
def backup(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Path]:
    """The archive of one database with everything in it, and a copy of that database."""
    folder = tmp_path_factory.mktemp("backup")
    run(restores.filled(server, "original", folder, 300), MORE)
    restores.backed_up(server, restores.address(server, "original", folder), folder)
    with server.connect("postgres") as admin:
        admin.execute("create database changed owner postgres template original")
    about = (folder / "about.json").read_text()
    (folder / "about.json").write_text(about.replace("/original", "/changed"))
    return restores.opened(folder)[0], folder


@pytest.fixture
def copy(server: LocalServer, backup: tuple[Database, Path]) -> Iterator[tuple[Database, Path]]:
    """The database as the backup has it; made anew after a test that failed."""
    yield backup
    with server.connect("postgres") as admin:
        if run(backup[0], "select 1 from pg_namespace where nspname like 'desk%'"):
            admin.execute("drop database changed with (force)")
            admin.execute("create database changed owner postgres template original")


@pytest.mark.parametrize("names", EACH, ids=", ".join)
def test_it_is_back(server: LocalServer, copy: tuple[Database, Path], names: tuple[str, ...]) -> None:
    """The plan counts what the changes took and brought; after the restore nothing of them is left."""
    database, folder = copy
    before, queries = restores.state(database), (OWNERS, "select last_value from public.numbers")
    others = [run(database, query) for query in queries]
    counts: Counts = {}
    for name in names:
        statements, counted = CHANGES[name]
        counts |= counted
        if statements.startswith(ADMIN):
            with server.connect(database.name) as admin:
                admin.execute(statements.removeprefix(ADMIN).encode())
        else:
            run(database, statements)
    changed = restores.state(database)
    assert (changed != before) == (names not in UNSEEN)
    plan = restores.restored(folder, "one")
    found: Counts = {each.table: (each.inserted, each.updated or 0, each.deleted) for each in plan.changes}

    assert found | dict(plan.new) == counts
    assert restores.state(database) == before
    assert [run(database, query) for query in queries] == others
    if not OWNERS_ALONE & {*names}:
        assert restores.put_back(folder, "one", "two").aside
        assert restores.state(database) == changed
        assert restores.put_back(folder, "two", "three").aside
        assert restores.state(database) == before
    with session(database) as connection:
        old = [each.name for each in swap_schemas.old_schemas(connection)]
        assert {each.split("_")[2] for each in old} <= {"one", "three"}
        swap_schemas.drop_old_schemas(connection, old)


def test_every_change_is_tried() -> None:
    """In one group."""
    assert sorted(name for group in GROUPS for name in group) == sorted(CHANGES)


def test_an_empty_project_gets_everything(
    server: LocalServer, backup: tuple[Database, Path], tmp_path: Path
) -> None:
    """What the platform creates is all it has: schemas, extensions, accounts and rows come back."""
    _, folder = backup
    server.create_database("empty")
    shutil.copytree(folder, tmp_path / "b")
    about = (folder / "about.json").read_text().replace("/changed", "/empty")
    (tmp_path / "b" / "about.json").write_text(about)
    empty, original = (
        restores.address(server, "empty", folder),
        restores.address(server, "original", folder),
    )
    plan = restores.restored(tmp_path / "b", "one")

    assert restores.state(empty) == restores.state(original)
    accounts = "select id, email from auth.users order by 1"
    assert run(empty, accounts) == run(original, accounts)
    assert plan.extensions == ("citext",)
    assert plan.storage.document() == {"buckets": ["photos"], "objects": {"photos": 2}}
    run(empty, *plan.storage.buckets.values())
    buckets = "select id, name, public from storage.buckets"
    assert run(empty, buckets) == run(original, buckets)
    assert (
        run(empty, "insert into auth.users (id, email) values (gen_random_uuid(), 'n@example.invalid')")
        == []
    )
    assert run(empty, "select count(*) from public.profiles where mail = 'n@example.invalid'") == [(1,)]


def test_an_extension_that_the_server_lacks_is_named_in_the_plan(
    backup: tuple[Database, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app's; one of the platform's own is left out."""
    database, held = restores.opened(backup[1])
    monkeypatch.setattr(platform, "INSTALLED", "select 'plpgsql'")
    monkeypatch.setattr(platform, "AVAILABLE", "select 'uuid-ossp'")
    with pytest.raises(Refused, match="needs: extension `citext`"):
        losses.plan_restore(database, held, safety=False, rate=None)

    monkeypatch.setattr(platform, "AVAILABLE", "select 'citext'")
    plan = losses.plan_restore(database, held, safety=False, rate=None)
    assert (plan.extensions, "uuid-ossp" in plan.unavailable) == (("citext",), True)
