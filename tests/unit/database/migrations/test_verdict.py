"""The verdict: what older code lives with, what it does not, and what destroys data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations.verdict import NOT_BACK, Lint, judge, losses

SAMPLE = Path(__file__).parents[4] / "scripts/sandbox/sample_app/supabase/migrations"

COMPATIBLE = """
create table t (a int not null, b text unique)
create table if not exists t (a int)
create unlogged table t (a int)
create index on t (a)
create index concurrently i on t using gin (a)
create view v as select 1
create materialized view v as select 1
create function f() returns int language sql as $$ delete from t; drop table t $$
create or replace function f() returns int language sql as 'truncate t'
create or replace view v as select 1
create type mood as enum ('a', 'b')
create domain d as text check (value <> '')
create extension if not exists pgcrypto with schema extensions
create schema s
create sequence s
create policy "any one" on t for select using (true)
create publication p for table t
alter table t add column a int
alter table t add a int, add column if not exists b text default 'x' not null
alter table public.bookings add column if not exists note text check (char_length(note) <= 500)
alter table t add column a uuid references u (id) on delete set null
alter table t add column id bigint generated always as identity primary key
alter table t add column n int not null default 3
alter table t alter column a set default 3
alter table t validate constraint c
alter table t disable row level security
alter table t replica identity full
alter type mood add value 'c' after 'b'
alter publication supabase_realtime add table t
alter default privileges in schema public grant select on tables to anon
grant select, insert on t to anon
comment on table t is 'drop table t; truncate u'
insert into t values (1, 'delete from t') on conflict do nothing
insert into t select a from u
update t set a = 1 where b = 2
alter table t add column z int; update t set z = a + 1
select 1
select set_config('a', 'b', false), count(*) from t
select pg_sleep(1)
notify pgrst, 'reload schema'
set local lock_timeout = '3s'
analyze t
refresh materialized view v
begin; create table t (a int); commit
create table t (a int); create unique index on t (a); alter table t add check (a > 1); drop table t
create table t (a int); alter table public.t enable row level security; revoke all on t from anon
create function f() returns trigger language plpgsql as ''; revoke execute on function public.f() from anon
create table "Odd One" (a int); alter table "Odd One" drop column a
create table t (a int); create trigger x before insert on t for each row execute function f()
do $$ begin create type m as enum ('a'); exception when duplicate_object then null; end $$
do $$ declare n numeric(10, 2) := 3; begin if exists (select 1) then alter table t add a int; end if; end $$
-- drop table t
"""

BREAKING = """
alter table t rename to u
alter table t rename column a to b
alter table if exists only public.t rename a to b
alter view v rename to w
alter type mood rename value 'a' to 'b'
alter function f() rename to g
drop view v
drop view if exists v, w
drop materialized view v
drop function f(int)
drop policy if exists "any one" on t
drop trigger x on t
drop index concurrently if exists i
drop type mood
drop extension pgcrypto
drop sequence s
alter table t drop constraint c
alter table t alter column a drop default
alter table t alter a drop not null
alter table t alter column a set not null
alter table t alter column a type bigint
alter table t add column a int not null
alter table t add column a int primary key
alter table t add constraint c check (a > 1) not valid
alter table t add unique (a)
alter table t add foreign key (a) references u (b)
alter table t enable row level security
alter table t force row level security
alter table t disable trigger all
alter table t set schema s
alter table t owner to somebody
create unique index on t (a)
create unique index concurrently i on only t (a)
create trigger x before insert on t for each row execute function f()
create constraint trigger x after insert on auth.users for each row execute function f()
create policy p on t as restrictive for select using (false)
create rule r as on insert to t do instead nothing
alter policy p on t using (true)
alter publication supabase_realtime drop table t
alter view v set (security_invoker = true)
alter default privileges in schema public revoke all on tables from anon
revoke select on t from anon
revoke somebody from postgres
select cron.schedule('x', 'y', 'z')
call p()
do $$ begin execute 'drop table t'; end $$
do $$ declare n int := f(); begin null; end $$
do $$ begin n := f(); end $$
do $$ begin if f() then null; end if; end $$
do language plpython3u $$ x $$
copy t from stdin
import foreign schema s from server r into t
create tabel t (a int)
nonsense
rollback
"""

IRREVERSIBLE = """
drop table t
drop table if exists public.t, u
drop schema s
drop schema if exists s cascade
drop view v cascade
drop type mood cascade
drop function f() cascade
alter table t drop column a
alter table t drop a
alter table only "T" drop column if exists "B c" cascade
alter table t add b int, drop column a
alter table t alter column a type int using a::int
alter table t alter a set data type int using a::int
truncate t
truncate table only t restart identity cascade
delete from t
delete from t where a = 1
update t set a = 1
update public.t as x set a = (select b from u where u.id = x.id)
update t set a = 1, b = 2 from u
alter table t add column z int; update t set z = 1, a = 2
with gone as (delete from t returning *) insert into u select * from gone
merge into t using u on true when matched then delete
create table t (a int); drop table t, u
create table if not exists t (a int); drop table t
do $$ begin if exists (select 1) then truncate t; end if; end $$
do $$ begin for r in delete from t returning * loop null; end loop; end $$
select 1; drop table t; create tabel x
"""


def lines(text: str) -> list[str]:
    """The lines of a table."""
    return text.strip().splitlines()


@pytest.mark.parametrize("sql", lines(COMPATIBLE))
def test_older_code_lives_with_what_is_added(sql: str) -> None:
    """It stays when the code goes back, with a script or without."""
    assert (judge(sql, False).word, judge(sql, True).word) == ("compatible", "compatible")


@pytest.mark.parametrize("sql", lines(BREAKING))
def test_older_code_does_not_live_with_what_changes(sql: str) -> None:
    """It says why; a script makes it reversible. What is not known is here as well."""
    alone, paired = judge(sql, False), judge(sql, True)

    assert (alone.word, paired.word) == ("breaking", "reversible")
    assert alone.reasons
    assert alone.reasons == paired.reasons


@pytest.mark.parametrize("sql", lines(IRREVERSIBLE))
def test_what_destroys_data_can_not_be_undone(sql: str) -> None:
    """A script brings the structure back, and the reasons say that the data is lost all the same."""
    alone, paired = judge(sql, False), judge(sql, True)

    assert (alone.word, paired.word) == ("irreversible", "reversible")
    assert NOT_BACK in paired.reasons
    assert losses(sql)


SAMPLES = {
    "20260105090000": ("compatible", ""),
    "20260112143000": ("breaking", "row level security on `profiles`"),
    "20260126101500": ("breaking", "a trigger on `auth.users`"),
    "20260209160000": ("compatible", ""),
    "20260223083000": ("compatible", ""),
}


@pytest.mark.parametrize("file", sorted(SAMPLE.glob("*.sql")), ids=lambda file: file.name)
def test_the_sample_app_is_judged(file: Path) -> None:
    """Its migrations are those of a real app."""
    word, reason = SAMPLES[file.name.split("_")[0]]
    verdict = judge(file.read_text(), False)

    assert verdict.word == word
    assert reason in str(verdict)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("create or replace view v as select 1", "older code may use what it replaces"),
        ("update t set a = 1 where b = 2", "no rollback brings the old values back"),
        ("insert into t values (1) on conflict (a) do update set b = 2", "no rollback brings"),
    ],
)
def test_what_can_not_be_seen_is_said(sql: str, said: str) -> None:
    """A compatible migration has reasons too."""
    assert said in str(judge(sql, False))


def test_the_worst_is_said_first() -> None:
    """Who reads one reason reads the weightiest."""
    reasons = judge("create or replace view v as select 1; drop view w; drop table t", False).reasons

    assert (reasons[0][6:15], reasons[1][6:14]) == ("table `t`", "view `w`")


def test_findings_of_another_reader_count() -> None:
    """They make breaking what seemed compatible; not what is about things of its own making."""
    lint = Lint("ban-x", 2, "may break")

    assert judge("select 1;\nselect 2", False, [lint]).word == "breaking"
    assert "squawk, line 2: ban-x" in judge("select 1;\nselect 2", True, [lint]).reasons
    assert judge("create table t (a int);\ndrop table t", False, [lint]).word == "compatible"
    assert len(judge("select 1;\ndrop view v", False, [lint]).reasons) == 1
    assert judge("", False, [lint]).word == "breaking"


def test_an_empty_file_harms_nobody() -> None:
    """Nothing is done, nothing is to be undone."""
    assert str(judge("-- later\n", False)) == "compatible"
    assert losses("") == ()


@given(st.text(max_size=80), st.booleans())
def test_any_text_has_a_verdict(text: str, paired: bool) -> None:
    """No text is too odd, and what is not known is never compatible by accident."""
    verdict = judge(text, paired)

    assert verdict.stays or verdict.reasons
