"""What stands of a migration that failed, told from two looks at the database."""

from __future__ import annotations

import pytest

from scripts.database.migrations import aftermath
from scripts.database.migrations.aftermath import compare_states, is_atomic
from scripts.database.postgres.state import State
from scripts.state.ledger import Event, Ledger

WHOLE = [
    "create table a ();",
    "insert into a values (1); update a set x = 2;",
    "-- vacuum",
    "select 'commit;'",
    "",
]
SPLIT = [
    "insert into a values (1); create index concurrently i on a (x);",
    "vacuum a;",
    "create type m as enum ('a'); commit; begin; alter type m add value 'b';",
    "begin; create table a (); commit;",
    "-- pg-delta: transaction=false\ncreate table a ();",
    "create table a ();\n--pg-delta: transaction = false",
    "call p();",
    "reindex table concurrently a;",
]


@pytest.mark.parametrize("sql", WHOLE)
def test_most_files_are_applied_as_a_whole(sql: str) -> None:
    assert is_atomic(sql)


@pytest.mark.parametrize("sql", SPLIT)
def test_some_stand_statement_by_statement(sql: str) -> None:
    assert not is_atomic(sql)


BEFORE = State(
    frozenset({"table public.a", "table auth.users"}),
    {"table public.a": ("column x int",), "type public.m": ("e 'a'",), "function public.f()": ("f",)},
    9,
    {"public.a": (7, 0), "public.same": (3, 0)},
    {"public.big": 5, "public.huge": 5},
)
AFTER = State(
    frozenset(
        {
            "table public.a",
            "table auth.users",
            "table auth.extra",
            "invalid index i",
            "index public.i",
            "trigger t on auth.users",
        }
    ),
    {
        "table public.a": ("column x int", "index i INVALID"),
        "type public.m": ("e 'a', 'b'",),
        "view public.v": ("v",),
    },
    11,
    {"public.a": (9, 3), "public.same": (3, 0), "public.new": (1, 1)},
    {"public.big": 6, "public.huge": 5},
)


def test_what_changed_is_named() -> None:
    """Objects with their new words; rows as numbers, or as unknown."""
    assert list(compare_states(BEFORE, AFTER).words()) == [
        "function public.f(): dropped",
        "table public.a: now `index i INVALID`",
        "type public.m: now `e 'a', 'b'`",
        "view public.v: made",
        "invalid index i: made",
        "table auth.extra: made",
        "table public.a: 3 rows written (7 before, 9 now)",
        "table public.new: 1 rows written (0 before, 1 now)",
        "table public.big: too large to count, and written to: what of it stands is unknown",
    ]
    assert not compare_states(BEFORE, BEFORE)


def test_a_line_that_is_gone_is_named() -> None:
    gone = compare_states(AFTER, State(AFTER.names, {**AFTER.things, "table public.a": ("column x int",)}))

    assert list(gone.words()) == ["table public.a: lost `index i INVALID`"]


def event(kind: str, ending: str, environment: str = "staging", **detail: object) -> Event:
    return Event(environment, kind, ending, "v7", "c", "Ada", "t", "r", detail)


HALF = compare_states(BEFORE, State(BEFORE.names, AFTER.things)).document("2_x.sql")


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ([], True),
        ([event("release", "failed")], True),
        ([event("release", "done", "production")], True),
        ([event("proof", "done")], True),
        ([event("release", "done")], False),
        ([event("rollback", "done")], False),
        ([event("restore", "done")], False),
    ],
)
def test_it_is_remembered_until_something_good_came(later: list[Event], found: bool) -> None:
    ledger = Ledger("x", (event("release", "done"), event("release", "failed", half_applied=HALF), *later))
    known = aftermath.recorded(ledger, "staging")

    assert bool(known) == found
    if known:
        assert aftermath.reminder(*known).startswith(
            "a part of `2_x.sql` stands since v7, which failed: function public.f(): dropped; table"
        )


def test_what_is_as_before_stands_no_longer() -> None:
    """Rows that were written are never known to be gone."""
    assert aftermath.still_standing(HALF, AFTER.things)
    assert not aftermath.still_standing(HALF, BEFORE.things)
    assert aftermath.still_standing({**HALF, "others": ["table public.a: 3 rows written"]}, BEFORE.things)
