"""What a rehearsal measured: who is kept out, and what the ledger remembers of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations import measure
from scripts.database.migrations.files import Migration
from scripts.database.migrations.measure import Measured
from scripts.state.ledger import Event, Ledger

MODES = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    *measure.WRITERS,
]
MEASURED = st.builds(
    Measured,
    file=st.just("1_a.sql"),
    where=st.just("staging"),
    seconds=st.floats(0, 1e4),
    locks=st.dictionaries(st.text(max_size=5), st.lists(st.sampled_from(MODES)).map(tuple)),
    rewritten=st.dictionaries(st.text(max_size=5), st.integers(0, 10**12)),
    rows=st.dictionaries(st.text(max_size=5), st.integers(0, 10**9)),
)
ONE = Migration("1", "1_a.sql", "alter table t add c int;")


def event(where: str, known: object) -> Event:
    return Event(where, "release", "done", "v1", "c", "a", "t", "r", {"measured": known})


@pytest.mark.parametrize(("mode", "out"), [(mode, mode in measure.WRITERS) for mode in MODES])
def test_writers_are_kept_out_by_the_modes_of_the_manual(mode: str, out: bool) -> None:
    found = Measured("1_a.sql", "staging", 20, {"public.t": (mode,)})

    assert ((("public.t",), 20) if out else ((), 0)) == (found.keeps_out, found.blocks)
    assert out is bool(measure.too_long([found], 10))
    assert () == measure.too_long([found], 20)


@given(MEASURED)
def test_the_ledger_gives_back_what_it_got(found: Measured) -> None:
    kept = json.loads(json.dumps(measure.documents([found], [ONE])))
    ledger = Ledger("x", (event("staging", kept),))

    assert {"1_a.sql": found} == measure.remembered(ledger, [ONE], "staging")


@pytest.mark.parametrize("known", [None, [], {"x": 1}, {"x": {"seconds": "long"}}, "text"])
def test_a_foreign_document_is_no_measure(known: object) -> None:
    assert {} == measure.remembered(Ledger("x", (event("staging", known),)), [ONE], "staging")


def test_an_edited_text_has_no_measure_and_ones_own_wins() -> None:
    here, there = Measured("1_a.sql", "production", 9), Measured("1_a.sql", "staging", 1)
    events = tuple(event(each.where, measure.documents([each], [ONE])) for each in (here, there))
    edited = Migration("1", "1_a.sql", "alter table t add d int;")

    assert here == measure.remembered(Ledger("x", events), [ONE], "production")["1_a.sql"]
    assert there == measure.remembered(Ledger("x", events), [ONE], "staging")["1_a.sql"]
    assert {} == measure.remembered(Ledger("x", events), [edited], "production")


def test_what_can_not_be_tried_is_set_apart() -> None:
    index = Migration("2", "2_b.sql", "create index concurrently i on t (c);")

    assert ([ONE], [(index, "create index concurrently")]) == measure.trials([ONE, index])


def test_a_lock_that_is_held_already_counts_for_who_names_the_table() -> None:
    first = Measured("1.sql", "x", 1, {'public."T x"': ("AccessExclusiveLock",)})
    second, third = Measured("2.sql", "x", 30), Measured("3.sql", "x", 30)
    texts = {"1.sql": "", "2.sql": 'update "T x" set a = 1', "3.sql": "select 1"}
    found = measure.with_held_locks([first, second, third], texts)

    assert [('public."T x"',), ('public."T x"',), ()] == [each.keeps_out for each in found]
    assert ["2.sql"] == [each.file for each in measure.too_long(found, 10)]
