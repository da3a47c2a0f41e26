"""What a rehearsal measured: who is kept out, and what the ledger remembers of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations import measurements
from scripts.database.migrations.files import Migration
from scripts.database.migrations.measurements import Measurement
from scripts.state.ledger import Event, Ledger

MODES = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    *measurements.BLOCK_WRITERS,
]
MEASURED = st.builds(
    Measurement,
    file=st.just("1_a.sql"),
    where=st.just("staging"),
    seconds=st.floats(0, 1e4),
    locks=st.dictionaries(st.text(max_size=5), st.lists(st.sampled_from(MODES)).map(tuple)),
    rewritten=st.dictionaries(st.text(max_size=5), st.integers(0, 10**12)),
    rows=st.dictionaries(st.text(max_size=5), st.integers(0, 10**9)),
    updated=st.dictionaries(st.text(max_size=5), st.integers(0, 10**9)),
    deleted=st.dictionaries(st.text(max_size=5), st.integers(0, 10**9)),
)
ONE = Migration("1", "1_a.sql", "alter table t add c int;")


def event(where: str, known: object) -> Event:
    return Event(where, "release", "done", "v1", "c", "a", "t", "r", {"measured": known})


@pytest.mark.parametrize(("mode", "out"), [(mode, mode in measurements.BLOCK_WRITERS) for mode in MODES])
def test_writers_are_kept_out_by_the_modes_of_the_manual(mode: str, out: bool) -> None:
    found = Measurement("1_a.sql", "staging", 20, {"public.t": (mode,)})

    assert ((("public.t",), 20) if out else ((), 0)) == (found.blocked_tables, found.blocked_seconds)
    assert bool(measurements.too_long([found], 10)) is out
    assert measurements.too_long([found], 20) == ()


@given(MEASURED)
def test_the_ledger_gives_back_what_it_got(found: Measurement) -> None:
    kept = json.loads(json.dumps(measurements.documents([found], [ONE])))
    ledger = Ledger("x", (event("staging", kept),))

    assert measurements.remembered(ledger, [ONE], "staging") == {"1_a.sql": found}


@pytest.mark.parametrize("known", [None, [], {"x": 1}, {"x": {"seconds": "long"}}, "text"])
def test_a_foreign_document_is_no_measure(known: object) -> None:
    assert measurements.remembered(Ledger("x", (event("staging", known),)), [ONE], "staging") == {}


def test_an_edited_text_has_no_measure_and_ones_own_wins() -> None:
    here, there = Measurement("1_a.sql", "production", 9), Measurement("1_a.sql", "staging", 1)
    events = tuple(event(each.where, measurements.documents([each], [ONE])) for each in (here, there))
    edited = Migration("1", "1_a.sql", "alter table t add d int;")

    assert measurements.remembered(Ledger("x", events), [ONE], "production")["1_a.sql"] == here
    assert measurements.remembered(Ledger("x", events), [ONE], "staging")["1_a.sql"] == there
    assert measurements.remembered(Ledger("x", events), [edited], "production") == {}


def test_what_can_not_be_tried_is_set_apart() -> None:
    index = Migration("2", "2_b.sql", "create index concurrently i on t (c);")

    assert measurements.runnable([ONE, index]) == ([ONE], [(index, "create index concurrently")])


def test_a_lock_that_is_held_already_counts_for_who_names_the_table() -> None:
    first = Measurement("1.sql", "x", 1, {'public."T x"': ("AccessExclusiveLock",)})
    second, third = Measurement("2.sql", "x", 30), Measurement("3.sql", "x", 30)
    texts = {"1.sql": "", "2.sql": 'update "T x" set a = 1', "3.sql": "select 1"}
    found = measurements.with_earlier_locks([first, second, third], texts)

    assert [each.blocked_tables for each in found] == [('public."T x"',), ('public."T x"',), ()]
    assert [each.file for each in measurements.too_long(found, 10)] == ["2.sql"]


def test_rows_that_were_overwritten_are_counted() -> None:
    """Inserts are none; nor are values in columns of the release's own, unless rows went as well."""
    found = Measurement(
        "1_a.sql", "staging", 1, rows={"public.c": 9}, updated={'public."A b"': 3, "public.b": 2},
        deleted={"public.b": 1},
    )  # fmt: skip

    assert list(found.overwritten(())) == [
        'the dry run on staging updates 3 rows of `public."A b"`',
        "the dry run on staging updates 2 and deletes 1 rows of `public.b`",
    ]
    assert list(found.overwritten({"public.A b", "public.b"})) == [
        "the dry run on staging deletes 1 rows of `public.b`"
    ]
