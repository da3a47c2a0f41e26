"""A partial restore: what the migration changed goes back, what users wrote stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from scripts.database.migrations.files import Applied
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.url import Database
from scripts.database.restore import in_place, losses, partial_restore
from scripts.database.restore.partial_plan import PartialRestore
from scripts.errors import CommandFailed, Refused
from tests.support import restores
from tests.support.restores import run

pytestmark = pytest.mark.timeout(600)

MIGRATION = """
drop view public.guests;
alter table public.bookings add column cents bigint, drop column guest cascade;
update public.bookings set details = '{}';
alter table billing.payments add column tip int
"""
USERS = """
insert into public.bookings (profile, day, cents) select profile, date '2030-01-01', 7
  from public.bookings order by id limit 50;
insert into billing.payments (booking, kind, amount)
  select id, 'cash', 5 from public.bookings where cents = 7;
update billing.payments set amount = 1 where id <= 4;
delete from billing.payments where id = 9;
delete from public.bookings where profile = '00000000-0000-4000-8000-000000000007';
delete from public.profiles where id = '00000000-0000-4000-8000-000000000007';
insert into public.events values (9999, '2026-05-05', 'late');
insert into public."Odd name" values ('new', 'row')
"""
FITS = "alter table public.bookings alter column guest set default 'unknown'"


@pytest.fixture(scope="module", params=restores.MAJORS, ids=lambda each: str(each or "wheel"))
def server(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """A server dressed as Supabase; its `postgres` is no superuser."""
    with restores.serving(request.param) as made:
        yield made


def _project(server: LocalServer, folder: Path, *before: str) -> Database:
    """A database and its archive, which has what `before` says, and not what comes after."""
    database = restores.filled(server, "keeping", folder, 300)
    run(database, *before)
    restores.backed_up(server, database, folder)
    return database


def _restore(folder: Path, mark: str = "one", migration: str = MIGRATION) -> PartialRestore:
    database, held = restores.opened(folder)
    plan = losses.plan_restore(database, held, safety=False, rate=None)
    applied = (Applied("1"), Applied("2", "x", (migration,)))
    partial = partial_restore.plan_partial_restore(database, held, plan, (), applied)
    desk = restores.toolbox(folder, database)
    merge = partial_restore.Merging(partial, mark, restores.step)
    in_place.restore(
        desk, restores.PRODUCTION, held, plan, run=mark, step=restores.step, before_commit=merge
    )
    return partial


def test_only_the_touched_table_goes_restore(server: LocalServer, tmp_path: Path) -> None:
    """Its damaged rows are as they were, its new rows and all other tables' writes are there."""
    database = _project(server, tmp_path, FITS)
    texts = "select id, guest, details from public.bookings where id <= 300 order by id"
    before, schema = run(database, texts), restores.state(database)["schema"]
    payments = "select id, booking, kind::text, amount from billing.payments order by id"
    run(database, MIGRATION, USERS)
    paid = run(database, payments)
    people = "select id, mail from public.profiles order by id"
    profiles = run(database, people)
    partial = _restore(tmp_path)

    assert partial.touched == ("public.bookings",)
    assert partial.document()["kept"] == {"public.bookings": 47}
    assert partial.lost == 285  # those bookings that the migration rewrote: nobody else changed one
    # who left does not come back, nor what was theirs
    left = run(database, "select id, guest, details from public.bookings where id <= 300 order by id")
    assert [(each, *rest) for each, *rest in before if cast("int", each) % 20 != 6] == left
    assert run(database, "select count(*), min(guest) from public.bookings where id > 300") == [
        (47, "unknown")
    ]
    assert run(database, payments) == paid
    assert run(database, people) == profiles
    assert len(profiles) == 19
    assert run(database, 'select count(*) from public."Odd name"') == [(4,)]
    assert run(database, "select count(*) from public.events where id = 9999") == [(1,)]
    assert restores.state(database)["schema"] == schema
    total = "select (select sum(sum) from public.totals) = (select sum(amount) from billing.payments)"
    assert run(database, total) == [(True,)]
    new = "insert into public.bookings (guest, day) values ('n', now()) returning id > 350"
    assert run(database, new) == [(True,)]
    assert run(database, "show session_replication_role") == [("origin",)]


def test_rows_that_do_not_fit_are_counted_and_what_needs_them_stops_it(
    server: LocalServer, tmp_path: Path
) -> None:
    """The older table demands a column that is gone: its new rows would go, and payments refer to them."""
    database = _project(server, tmp_path)
    run(database, MIGRATION, USERS)
    before = restores.state(database)
    with pytest.raises(CommandFailed, match=r"47 rows of `billing.payments`.*nothing was changed"):
        _restore(tmp_path)
    assert restores.state(database) == before

    run(database, "delete from billing.payments where kind = 'cash'")
    partial = _restore(tmp_path, "two")
    assert partial.lost == 285 + 47
    assert (
        "public.bookings: 47 rows written since are lost: they don't fit the older table" in partial.words()
    )
    assert run(database, "select count(*) from public.bookings") == [(285,)]


def test_a_migration_that_composes_its_sql_is_refused(server: LocalServer, tmp_path: Path) -> None:
    """Which rows it changed can't be told."""
    _project(server, tmp_path)
    with pytest.raises(Refused, match="composes"):
        _restore(tmp_path, migration="do $$ begin execute 'delete from public.' || 'bookings'; end $$")
