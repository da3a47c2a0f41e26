"""SQL as PostgreSQL's parser reads it, and what happens where it can't."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.sql.parse import expression, parse, plpgsql

CUT: list[tuple[str, list[tuple[str, str]]]] = [
    ("", []),
    (" ; ;\n-- nothing\n/* at all; */", []),
    ("select 1;select 2", [("SelectStmt", "select 1"), ("SelectStmt", "select 2")]),
    ("\ufeffselect 1;\r\n", [("SelectStmt", "select 1")]),
    ("select ';', E'\\';', $$;$$; drop table a", [("SelectStmt", "select ';', E'\\';', $$;$$"),
                                                  ("DropStmt", "drop table a")]),
    ("nonsense; drop table a", [("", "nonsense"), ("DropStmt", "drop table a")]),
    ("\\restrict x\n;\ndrop table a", [("", "\\restrict x"), ("DropStmt", "drop table a")]),
    ("select 'open", [("", "select 'open")]),
    ("select 'a\0b'; drop table a", [("", "select 'a\0b'; drop table a")]),
    ("select '\udcff'", [("SelectStmt", "select '?'")]),
    (
        "x; create function f() returns int begin atomic select 1; select 2; end; commit",
        [("", "x"), ("CreateFunctionStmt",
                     "create function f() returns int begin atomic select 1; select 2; end"),
         ("TransactionStmt", "commit")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "found"), CUT)
def test_statements_are_read_and_what_is_none_has_no_kind(sql: str, found: list[tuple[str, str]]) -> None:
    """One that can't be read hides none of the others."""
    assert [(each.kind, each.text) for each in parse(sql)] == found


def test_lines_count_from_one() -> None:
    """Also with line ends of Windows, and behind what the parser can't read."""
    text = "-- é\r\nselect\r\n1;\r\n\r\ndrop table a; drop table b;\r\n"

    assert [(each.first, each.last) for each in parse(text)] == [(2, 3), (5, 5), (5, 5)]
    assert [each.first for each in parse("nonsense;\n" + text)] == [1, 3, 6, 6]


def test_a_fault_is_kept() -> None:
    """In the parser's words."""
    assert parse("selec 1")[0].fault == 'syntax error at or near "selec"'


@pytest.mark.parametrize("part", ["'", "$a$", "/*", "((", "not ", "a||", ";", "--\n", "select 1;"])
def test_long_and_nasty_text_is_read_to_its_end(part: str) -> None:
    """It neither hangs nor ends the process."""
    started = time.monotonic()
    parse(part * (3_000 if part == "/*" else 30_000))  # the parser is slow with open comments

    assert time.monotonic() - started < 60


@given(st.text(st.sampled_from(list("ab'\"$eE\\-/*\n;() .")), max_size=60))
def test_any_text_is_read(text: str) -> None:
    """No statement is empty."""
    assert all(each.text for each in parse(text))


def test_expressions_and_functions() -> None:
    """Nothing where they can't be read."""
    assert expression("a + f(1)") is not None
    assert expression("1; drop table a") is None
    assert expression("(") is None
    assert plpgsql("do $$ begin null; end $$")
    assert plpgsql("do $$ begin end end $$") is None
