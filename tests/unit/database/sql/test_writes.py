"""Writes are followed through everything that they set off."""

from __future__ import annotations

import pytest

from scripts.database.migrations.judge import Judge
from scripts.database.sql.schema import Schema

EARLIER = """
create table a (id int primary key, n int, stamp timestamptz);
create table b (id int primary key, a int references a (id) on delete cascade);
create table c (id int primary key, b int references b (id) on delete set null on update cascade);
create table p (id int, at date) partition by range (at);
create table p1 partition of p for values from ('2026-01-01') to ('2027-01-01');
create table log (what text);
create view v as select * from a;
create function note() returns trigger language plpgsql as $$ begin
  insert into log values ('x'); return new; end $$;
create function mark() returns trigger language plpgsql as $$ begin new.stamp := now(); return new; end $$;
create trigger noted after insert or update on a for each row execute function note();
create trigger marked before update on a for each row execute function mark();
create function loop_a() returns int language sql as 'select loop_b()';
create function loop_b() returns int language sql as 'delete from log; select loop_a()';
"""


def writes(sql: str) -> set[str]:
    """What is written: verb and table."""
    judge = Judge(Schema())
    judge.learn([EARLIER])
    judge.file(sql)
    return {f"{each.verb} {each.title}" for each in judge.writes}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select 1", set()),
        ("insert into a values (1)", {"insert a", "insert log"}),
        ("update a set n = 1", {"update a", "insert log"}),
        ("update v set n = 1", {"update a", "insert log"}),
        ("delete from a", {"delete a", "delete b", "update c"}),
        ("update b set id = 1", {"update b", "update c"}),
        ("update b set a = 1", {"update b"}),
        ("delete from p", {"delete p", "delete p1"}),
        ("delete from only p", {"delete p"}),
        ("select loop_a()", {"delete log"}),
        ("truncate b cascade", {"truncate b", "truncate c"}),
        ("insert into a values (1) on conflict (id) do update set n = 2",
         {"insert a", "update a", "insert log"}),
        ("merge into log using a on true when matched then delete when not matched then do nothing",
         {"delete log"}),
        ("with x as (insert into log values ('x') returning 1) select * from x", {"insert log"}),
        ("delete from nowhere", {"delete nowhere"}),
    ],
)  # fmt: skip
def test_what_is_written(sql: str, found: set[str]) -> None:
    """By triggers, keys, views and functions as well; circles end."""
    assert writes(sql) == found


def test_a_trigger_that_sets_a_column_changes_it() -> None:
    """Beside the column that the statement fills."""
    judge = Judge(Schema())
    judge.learn([EARLIER])
    judge.file("alter table a add z int; update a set z = 1")

    assert [(each.columns, each.by) for each in judge.writes if each.verb == "update"] == [
        (("z",), ""),
        (("stamp",), "the trigger `marked` on `a`"),
    ]
