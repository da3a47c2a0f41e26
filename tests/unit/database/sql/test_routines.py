"""What functions and blocks run."""

from __future__ import annotations

import pytest

from scripts.database.sql.parse import parse
from scripts.database.sql.routines import ALL, Body, body_of


def body(sql: str) -> Body:
    """The body of the one function or block of a text."""
    (statement,) = parse(sql)
    return body_of(statement)


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("create function f() returns int language sql as 'delete from t; select 1'",
         "DeleteStmt SelectStmt"),
        ("create function f() returns int begin atomic; delete from t; select 1; end",
         "DeleteStmt SelectStmt"),
        ("create function f() returns int return g()", "SelectStmt"),
        ("do 'begin perform f(); end'", "SelectStmt"),
        ("do language plpgsql $$ begin truncate t; end $$", "TruncateStmt"),
        ("do $$ declare n int := f(); begin n := g(); end $$", "SelectStmt SelectStmt"),
        ("do $$ begin if f() then delete from t; else update t set a = 1; end if; end $$",
         "SelectStmt DeleteStmt UpdateStmt"),
        ("do $$ begin null; exception when others then delete from t; end $$", "DeleteStmt"),
        ("do $$ declare r record; begin for r in delete from t returning * loop end loop; end $$",
         "DeleteStmt"),
        ("do $$ declare r t%rowtype; begin r.a := 1; delete from t; end $$", "SelectStmt DeleteStmt"),
        ("do $$ begin execute 'drop table t'; end $$", "DropStmt"),
        ("do $$ begin call p(); alter table t add a int; end $$", "CallStmt AlterTableStmt"),
    ],
)  # fmt: skip
def test_every_statement_and_expression_is_seen(sql: str, kinds: str) -> None:
    """In the order of the text."""
    found = body(sql)

    assert [each.kind for each in found.statements] == kinds.split()
    assert found.unknown == []


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("do $$ begin execute 'drop table ' || f(); end $$", "runs SQL that it composes"),
        ("do $$ begin execute x using 1; end $$", "runs SQL that it composes"),
        ("create function f() returns setof t language plpgsql as $$ begin return query execute q; end $$",
         "runs SQL that it composes"),
        ("do $$ begin end end $$", "can't be read as PL/pgSQL"),
        ("create function f() returns int language plpython3u as 'return 1'", "is written in plpython3u"),
        ("create function f() returns int language c as 'lib', 'f'", "is written in c"),
    ],
)  # fmt: skip
def test_what_can_not_be_seen_is_said(sql: str, why: str) -> None:
    """It is never taken for nothing."""
    assert body(sql).unknown == [why]


def test_what_a_trigger_sets_in_the_new_row() -> None:
    """One column, or any."""
    head = "create function f() returns trigger language plpgsql as"

    assert body(f"{head} $$ begin new.a := now(); NEW.b = 3; return new; end $$").assigned == {"a", "b"}
    assert body(f"{head} $$ begin select 1 into new.a; return new; end $$").assigned == {ALL}
    assert body(f"{head} $$ begin new := old; return new; end $$").assigned == {ALL}
    assert body(f"{head} $$ declare x int; begin x := new.a; return new; end $$").assigned == set()


def test_a_block_may_end_its_transaction() -> None:
    """Then it can't run with others."""
    assert body("do $$ begin delete from t; commit; end $$").ends_transaction
    assert not body("do $$ begin perform 1; end $$").ends_transaction
