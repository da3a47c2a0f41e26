"""The cutting of SQL: what is quoted or a comment ends no statement and is no word."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations.statements import outside, split, statements, unfit

CUT: list[tuple[str, list[str]]] = [
    ("", []),
    (" ; ;\n-- nothing\n/* at all; */", []),
    ("select 1;select 2", ["select 1", "select 2"]),
    ("SELECT\n  1 -- one; two\n;", ["select 1"]),
    ("select ';', 'it''s;', E'\\';'", ["select '', '', ''"]),
    ("select 'open; never closed", ["select ''"]),
    ('drop table "A;b".c', ['drop table "A_b".c']),
    ("do $x$ a; $$; b $x$; select 1", ["do $$", "select 1"]),
    ("select a$b$c; select $b$;$b$", ["select a$b$c", "select $$"]),
    ("select /* a /* b; */ c; */ 1", ["select 1"]),
    ("select f( a ,b ) from c . d", ["select f (a, b) from c.d"]),
    ("select u&'\\0041;', b'1;'", ["select '', ''"]),
    (
        "create function f() returns int begin atomic select case when a then 1 end; select 2; end; drop x",
        [
            "create function f () returns int begin atomic select case when a then 1 end ; select 2 ; end",
            "drop x",
        ],
    ),
    ("begin; select 1; end; select 2", ["begin", "select 1", "end", "select 2"]),
    ("\ufeffselect 1", ["select 1"]),
]


@pytest.mark.parametrize(("sql", "bare"), CUT)
def test_a_text_is_cut_where_the_server_cuts_it(sql: str, bare: list[str]) -> None:
    """Semicolons count outside of quotes, comments and function bodies alone."""
    assert bare == [each.bare for each in statements(sql)]


def test_quoted_texts_are_kept_in_order() -> None:
    """The body of a `do` block can be looked at."""
    (found,) = statements("select 'a''b', $x$ c; $x$, E'd'")

    assert ("a'b", " c; ", "d") == found.quoted


def test_lines_count_from_one() -> None:
    """A finding of another reader can be put to its statement."""
    found = [(each.first, each.last) for each in statements("-- x\nselect\n1;\n\ndrop a; drop b;\n")]

    assert [(2, 3), (5, 5), (5, 5)] == found


@given(st.text(st.sampled_from(list("ab'\"$eE\\-/*\n;() .")), max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    """Nothing is lost, nothing hangs, no statement is empty."""
    assert all(each.bare for each in statements(text))


@pytest.mark.parametrize("part", ["'", "$a$", "/*", "e'\\", "a$a", "((", "E'\\'", ";", "--\n"])
def test_long_and_nasty_text_is_read_in_no_time(part: str) -> None:
    """A megabyte of dumps is not unheard of."""
    started = time.monotonic()
    list(statements(part * 30_000))

    assert time.monotonic() - started < 3


def test_splitting_minds_parentheses() -> None:
    """The commas of a type or a call part no actions."""
    assert ["add a numeric (1, 2)", "drop b"] == split("add a numeric (1, 2), drop b")
    assert "a  = b" == outside("a (x (y)) = b")


@pytest.mark.parametrize(
    ("sql", "held"),
    [
        ("drop table a; alter table b drop c", None),
        ("begin; drop table a; commit", "begin"),
        ("drop table a; COMMIT", "commit"),
        ("start transaction read only", "start transaction read"),
        ("rollback", "rollback"),
        ("savepoint a", "savepoint a"),
        ("drop index concurrently a", "drop index concurrently"),
        ("create unique index concurrently a on b(c)", "create unique index"),
        ("vacuum full a", "vacuum full a"),
        ("alter system set a = 1", "alter system set"),
        ("do $$ begin delete from a; commit; end $$", "a `commit` or `rollback` in a `do` block"),
        ("do $$ begin perform 1; end $$", None),
        ("-- commit\nselect 'commit; begin'", None),
        ("create function f() returns int begin atomic select 1; end", None),
        ("create table commits(a int)", None),
        ("", None),
    ],
)
def test_what_keeps_a_script_out_of_a_transaction(sql: str, held: str | None) -> None:
    """Transaction control, and what PostgreSQL refuses inside of one."""
    assert held == unfit(sql)
