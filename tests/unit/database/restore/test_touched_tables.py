"""Which tables' rows a migration changes: by name, trigger, foreign key or function; or it is refused."""

from __future__ import annotations

import pytest

from scripts.database.restore.touched_tables import WriteEffects, touched
from scripts.errors import Refused

TABLES = {"public.a", "public.b", "public.log", "public.Odd name", "other.a"}


def function(name: str, result: str, language: str, body: str) -> tuple[str]:
    """As the server prints it."""
    head = f"CREATE FUNCTION public.{name}() RETURNS {result} LANGUAGE {language}"
    return (f"{head} AS $function${body}$function$",)


EFFECTS = WriteEffects(
    functions={
        "audit": function(
            "audit", "trigger", "plpgsql", "begin insert into public.log values (1); return new; end"
        ),
        "fix": function("fix", "void", "sql", "update public.b set x = 1"),
        "dynamic": function("dynamic", "void", "plpgsql", "begin execute 'delete from ' || t; end"),
    },
    triggers={"public.a": frozenset({"audit"})},
    cascades={
        "update public.log": frozenset({"public.b"}),
        "delete other.a": frozenset({"public.a"}),
        "delete auth.users": frozenset({"public.b"}),
    },
)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("alter table public.b add column y int references public.a (id)", ""),
        ("create view v as select * from public.a; create index on public.b (x)", ""),
        ("alter table public.b alter column x drop not null, drop constraint c", ""),
        ("grant update, truncate on a to anon; create policy p on a for update using (true)", ""),
        ("alter table b add column z int, drop column x", "public.b"),
        ("alter table public.b alter x type text using x::text", "public.b"),
        ("truncate table only public.b, public.log", "public.b, public.log"),
        ("drop table if exists public.b, public.log cascade", "public.b, public.log"),
        ("with x as (select 1) update only public.b as t set x = 2", "public.b"),
        ("insert into public.b (x) values (1) on conflict (x) do update set x = 3", "public.b"),
        ('update public."Odd name" set x = 1', "public.Odd name"),
        ("do $$ begin delete from public.b; end $$", "public.b"),
        ("select public.fix()", "public.b"),
        ("delete from auth.users where email = 'x'", "public.b"),
        ("update other.a set x = 1", "other.a"),
        ("delete from other.a", "other.a, public.a, public.b, public.log"),
        ("update a set x = 1", "other.a, public.a, public.b, public.log"),
        ("explain analyze delete from public.b", "public.b"),
        ("create table n as select public.fix()", "public.b"),
        ("merge into public.b using (select 1) s on true when matched then update set x = 1", "public.b"),
        ("do $$ begin execute 'truncate public.b'; end $$", "public.b"),
        ("create function g() returns void begin atomic; delete from public.b; end", "public.b"),
        ("create temp table t as select 1; update t set x = 1; -- update public.b set x = 1", ""),
    ],
)  # fmt: skip
def test_every_way_to_write_is_recognized(sql: str, found: str) -> None:
    """Reading, adding and granting change no rows."""
    assert ", ".join(sorted(touched({"f": sql}, TABLES, EFFECTS))) == found


@pytest.mark.parametrize(
    "sql",
    ["do $$ begin execute x; end $$", "frobnicate b", "update some_view set x = 1", "select dynamic()"],
)
def test_a_migration_that_cannot_be_understood_is_refused(sql: str) -> None:
    """The file is named."""
    with pytest.raises(Refused, match="`f`"):
        touched({"f": sql}, TABLES, EFFECTS)
