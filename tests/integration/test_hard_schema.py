"""A hard schema, 87 tables and 14,000 rows: proven, wrecked, brought back; and carried to later versions.

The sums here are not the desk's own: md5 over the ordered text of every row.
`DESK_POSTGRES=/folder/bin:...` adds other major versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from scripts.config.desk import Desk
from scripts.database.backups import commands, storage
from scripts.database.backups.request import BackupRequest
from scripts.database.postgres import scratch
from scripts.database.postgres.client import required_database
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.programs import look
from scripts.database.restore import in_place, losses
from scripts.errors import Refused
from scripts.state.remote import observe_remote
from tests.support import databases, restores, skips

pytestmark = pytest.mark.timeout(600)
HARD = (Path(__file__).parents[1] / "support" / "hard.sql").read_text()
DEBIAN = Path("/usr/lib/postgresql/15/bin")
OURS = "n.nspname !~ '^(pg_|desk_aside_|information_schema|auth$|storage$|extensions$|vault$|realtime$)'"
RELATIONS = f"""
select n.nspname, c.relname, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'S') and c.relispopulated and {OURS} order by 1, 2
"""  # noqa: S608 - constants only
ROWS = """
select count(*), md5(coalesce(string_agg(t::text, E'\\n' order by t::text collate "C"), '')) from only {} t
"""
DEFAULTS = """
select d.defaclrole::regrole::text, coalesce(n.nspname, ''), d.defaclobjtype::text, x::text
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace cross join unnest(d.defaclacl) x
where coalesce(n.nspname, '') !~ '^desk_aside_' order by 1, 2, 3, 4
"""
CASTS = """
select s::regtype::text, t::regtype::text, castcontext::text, castmethod::text, castfunc::regprocedure::text
from pg_cast c(oid, s, t) where c.oid >= 16384 and s::regtype::text || t::regtype::text !~ 'desk_aside_'
order by 1, 2
"""
PUBLICATIONS = """
select pubname, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot from pg_publication order by 1
"""
MEMBERS = "select pubname, schemaname, tablename, rowfilter from pg_publication_tables order by 1, 2, 3"
WRECK = """
drop schema k_types, k_casts cascade;
drop table public.many_7, k_tables.pt cascade;
alter table public.many_9 rename to many_ninety;
update public.many_3 set body = 'changed' where id % 5 = 0;
delete from public.many_25 where id > 100;
truncate "my schema"."my table";
drop table "a.b"."c.d";
insert into "Up Per"."TaBle" default values;
alter table k_triggers.a disable row level security;
drop policy "my own files" on storage.objects;
select lo_unlink(4242), lo_put(4243, 7, 'wrecked'), lo_create(4999);
alter default privileges for role postgres grant execute on functions to anon, public;
alter default privileges for role postgres in schema public revoke all on tables from anon;
alter publication supabase_realtime set (publish = 'delete', publish_via_partition_root = true);
alter publication p1 drop table k_pubs.b;
create type public.later as enum ('x');
create cast (text as public.later) with inout;
drop materialized view k_mv.m cascade;
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with databases.serving(tmp_path_factory.mktemp("server")) as made:
        yield made


def built(server: LocalServer, name: str) -> str:
    """A project with the hard schema in it."""
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute(HARD.encode())
    return server.url(name)


def rows(url: str) -> dict[tuple[str, ...], Any]:
    """Every table, materialized view, sequence and large object, by the sum of its text."""
    found: dict[tuple[str, ...], Any] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set search_path = ''; set timezone = 'UTC'")
        for schema, name, kind in connection.execute(RELATIONS).fetchall():
            query = "select last_value, is_called from {}" if kind == "S" else ROWS
            one = connection.execute(sql.SQL(query).format(sql.Identifier(schema, name)))
            found[schema, name] = one.fetchone()
        for (oid,) in connection.execute("select oid from pg_largeobject_metadata where oid <> 4999"):
            found["large object", str(oid)] = connection.execute("select md5(lo_get(%s))", [oid]).fetchone()
    return found


def others(url: str) -> list[list[Any]]:
    """What is in no schema, and who may do what with what is made later."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set search_path = ''")
        return [connection.execute(q.encode()).fetchall() for q in (DEFAULTS, CASTS, PUBLICATIONS, MEMBERS)]


def backed_up(desk: Desk) -> str:
    """The id of a proven backup."""
    wanted = BackupRequest(env="production", kind="manual", proof=True, accept_shrink=True)
    outcome = commands.backup(desk, wanted)
    assert outcome.data["proven"] is True
    return str(outcome.data["backup"])


def restored(desk: Desk, backup: str) -> None:
    """As `db.restore` does it."""
    production = desk.settings.environment("production")
    database = required_database(desk, production)
    with storage.fetch_backup(desk, production, backup, observe_remote(desk).ledger) as (folder, manifest):
        source = in_place.open_source(desk, folder, manifest, scratch.server_major(database))
        plan = losses.plan_restore(database, source, safety=False, rate=None)
        in_place.restore(desk, production, source, plan, run="one", step=restores.step)


def test_a_hard_schema_comes_back(server: LocalServer, tmp_path: Path) -> None:
    """Backup, proof, wreck, restore in place; then the next backup is proven, too."""
    url = built(server, "hard")
    desk = databases.toolbox(tmp_path, url)
    backup, before = backed_up(desk), (rows(url), others(url))
    assert len([key for key in before[0] if key[0] != "large object"]) > 110
    assert (
        sum(value[0] for value in before[0].values() if isinstance(value[-1], str) and len(value) == 2)
        > 13_000
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WRECK.encode())
    assert (rows(url), others(url)) != before

    restored(desk, backup)
    after = rows(url), others(url)
    assert {key for key in before[0] | after[0] if before[0].get(key) != after[0].get(key)} == set()
    assert after[1] == before[1]
    backed_up(desk)


def programs(major: int) -> list[Path | None]:
    """The programs of that version on this machine; None stands for the wheel's."""
    named = [*restores.MAJORS[1:], DEBIAN]
    found = [folder for folder in named if folder and (each := look(folder)) and each.major == major]
    return [None] if major == 17 else [*found[:1]]


@pytest.mark.parametrize("majors", [(15, 17), (17, 18), (15, 18)], ids=str)
@skips.LONG
def test_a_backup_restores_into_a_later_version(
    majors: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into an empty project; what the versions write differently is no difference."""
    folders = [programs(major) for major in majors]
    if not all(folders):
        lacking = ", ".join(str(major) for major, found in zip(majors, folders, strict=True) if not found)
        pytest.skip(f"no PostgreSQL {lacking} here (DESK_POSTGRES names folders such as /opt/pg18/bin)")
    (old, *_), (new, *_) = folders
    for folder in filter(None, (old, new)):
        monkeypatch.setenv("PATH", str(folder), prepend=":")
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with (
        databases.serving(tmp_path / "old", old) as older,
        databases.serving(tmp_path / "new", new) as newer,
    ):
        url = built(older, "hard")
        backup = backed_up(databases.toolbox(tmp_path, url))
        newer.create_database("empty")
        desk = databases.toolbox(tmp_path, newer.url("empty"))
        restored(desk, backup)

        before, after = rows(url), rows(newer.url("empty"))
        assert {key for key in before | after if before.get(key) != after.get(key)} == set()
        backed_up(desk)


OTHERS = """
create table public.theirs (a int);
create function public.inside(text) returns text language internal immutable strict as 'upper';
alter function public.inside(text) owner to postgres;
create table public.half (a int);
create role dora;
grant dora to postgres;
alter table public.half owner to dora;
"""


@skips.LONG
def test_what_its_user_could_not_restore_is_refused(server: LocalServer, tmp_path: Path) -> None:
    """Each object with the statement that fixes it; then the backup is proven."""
    server.create_database("others")
    desk = databases.toolbox(tmp_path, server.url("others"))
    with server.connect("others") as admin:
        admin.execute(OTHERS.encode())
        with pytest.raises(Refused, match="`postgres` could not restore a backup of this") as caught:
            backed_up(desk)
        message, hint = caught.value.message, caught.value.hint or ""
        assert "table public.theirs is owned by supabase_admin" in message
        assert "function public.inside(text) is written in `internal`" in message
        assert "table public.half is owned by dora, who may not create anything in public" in message

        fixes = hint.split("`")[1::2]
        assert len(fixes) == 3
        for statement in fixes:
            admin.execute(statement.encode())
    backed_up(desk)
