"""Rows and texts are searched for known values, addresses and phone numbers; no value is ever shown."""

from __future__ import annotations

import time

import pytest

from scripts.database.refresh import search
from scripts.database.refresh.search import Search, identifies

VALUES = ("Pierre Curie", "marie@sorbonne.fr", "0612345678", "two\nlines here", 'Ask "Jo" now')


def leaks(block: bytes, *, unmasked: tuple[int, ...] = (0, 1), public: tuple[str, ...] = ()) -> list[str]:
    """What is found in rows of two columns."""
    found = Search("example.invalid", VALUES, public)
    found.rows("public.t", ["a", "b"], unmasked, block)
    return list(found.leaks())


def test_the_column_is_named_and_never_the_value() -> None:
    """Addresses outside the test domain are counted."""
    block = b"user-1@example.invalid\tmarie@sorbonne.fr\nx@y.fr\tcall 0612345678\n\\N\tfine\n"

    assert leaks(block) == [
        "`public.t.b` holds 1 addresses outside `example.invalid`",
        "`public.t.b` holds values of production",
        "`public.t.a` holds 1 addresses outside `example.invalid`",
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"by Pierre Curie.",
        b"PIERRE  CURIE",
        b'{"name": "Pierre Curie"}',
        b'{a,"Pierre Curie"}',
        b"xx two\\nlines here",
        b'{"t": "Ask \\\\"Jo\\\\" now"}',
        b"0612345678",
    ],
)
def test_a_value_is_found_however_it_is_written(text: bytes) -> None:
    """In a longer text, in other letters, in JSON and in lists, over several lines."""
    assert leaks(text + b"\tx\n") == ["`public.t.a` holds values of production"]


@pytest.mark.parametrize(
    "text", [b"Pierre", b"Curie Pierre", b"Pierrette Curie", b"10612345678", b"Jo now"]
)
def test_part_of_a_value_is_none(text: bytes) -> None:
    assert leaks(text + b"\tx\n") == []


@pytest.mark.parametrize("text", [b"+33 6 12 34 56 78", b"+33612345678", b"call +1 (555) 010-9999!"])
def test_phone_numbers_are_found_in_international_form(text: bytes) -> None:
    assert leaks(text + b"\tx\n") == ["`public.t.a` holds phone numbers"]


@pytest.mark.parametrize(
    "text", [b"+99912345678901", b"2030-01-01 10:00:00+02", b"1+1", b"12345678901", b"+05:30"]
)
def test_times_numbers_and_made_up_numbers_are_no_phones(text: bytes) -> None:
    assert leaks(text + b"\tx\n") == []


@pytest.mark.parametrize(
    "text",
    [
        b"u@example.invalid.evil.fr",
        b"u@example.invalid-x.fr",
        b"u@examplexinvalid.fr",
        b"u@x.EXAMPLE.invalid.de",
    ],
)
def test_the_test_domain_is_known_by_its_end(text: bytes) -> None:
    assert "addresses outside" in "".join(leaks(text + b"\tx\n"))
    assert leaks(b"U@EXAMPLE.invalid\tx\n") == []


def test_what_the_team_knows_may_be_found() -> None:
    """Committed migrations, and what the rules allow."""
    public = ("insert into t values ('Pierre Curie', 'x@y.fr', '+33 6 12 34 56 78');",)

    assert leaks(b"Pierre Curie\tX@y.fr or +33 6 12 34 56 78\n", public=public) == []
    assert leaks(b"Pierre Curie\tz@y.fr\n", public=public) != []


def test_masked_columns_are_searched_in_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is searched in every block; what was masked, in the first ones and in some others."""
    monkeypatch.setattr(search, "FIRST_BLOCKS", 1)
    monkeypatch.setattr(search, "EVERY", 3)
    found = Search("example.invalid", VALUES)
    seen = []
    for _ in range(7):
        found.found = {}
        found.rows("public.t", ["a", "b"], [1], b"Pierre Curie\tx\n")
        seen.append(bool(found.found))
    assert seen == [True, False, True, False, False, True, False]

    found.found = {}
    found.rows("public.t", ["a", "b"], [1], b"x\tPierre Curie\n")
    assert list(found.leaks()) == ["`public.t.b` holds values of production"]


def test_a_common_word_costs_little() -> None:
    """After some false alarms a value is no longer searched for; others are."""
    found = Search("example.invalid", ["Rue Curie", "Marie Lyon"])
    for _ in range(search.FALSE_ALARMS + 2):
        found.rows("public.t", ["a"], [0], b"rue de Lyon, place Curie, Marie\n")
    found.rows("public.t", ["a"], [0], b"Rue Curie\n")

    assert found.found == {}


@pytest.mark.parametrize("text", [b"a b a c", b"x a b a c x", b"a b a b a c", b"a a b a c"])
def test_a_value_is_found_at_the_edge_and_where_its_words_repeat(text: bytes) -> None:
    found = Search("example.invalid", ["a b a c"])
    found.rows("public.t", ["a"], [0], text + b"\n")
    assert list(found.leaks()) == ["`public.t.a` holds values of production"]


@pytest.mark.parametrize("text", [b"b a c", b"a c a b", b"a b a", b"a b a cc"])
def test_words_in_another_order_are_none(text: bytes) -> None:
    found = Search("example.invalid", ["a b a c"])
    found.rows("public.t", ["a"], [0], text + b"\n")
    assert found.found == {}


def test_many_false_alarms_cost_no_look_at_the_whole_block_each() -> None:
    """Numbers of rows are words of known values as well."""
    block = b"".join(b"%d\tsome words of a row that nobody knows\n" % i for i in range(10_000, 16_000))

    def seconds(first: int) -> float:
        values = [f"guest {i}" for i in range(first, first + 6000)]
        times = []
        for _ in range(3):
            found = Search("example.invalid", values)
            began = time.process_time()
            found.rows("public.t", ["a", "b"], [0, 1], block)
            times.append(time.process_time() - began)
            assert found.found == {}
        return min(times)

    assert seconds(10_000) < 20 * seconds(50_000)


def test_texts_are_searched_and_tried() -> None:
    """`holds` keeps nothing."""
    found = Search("example.invalid", VALUES)

    assert found.holds("for Pierre Curie")
    assert not found.holds("for nobody")
    assert list(found.leaks()) == []
    found.text("view public.v", "select 'marie@sorbonne.fr'")
    assert list(found.leaks()) == [
        "`view public.v` holds 1 addresses outside `example.invalid`",
        "`view public.v` holds values of production",
    ]


@pytest.mark.parametrize("value", ["marie@sorbonne.fr", "06 12 34 56 78", "Marie Curie", "FR76-3000-6000"])
def test_what_identifies(value: str) -> None:
    assert identifies(value)


@pytest.mark.parametrize(
    "value",
    [
        *("single", "2030-01-01", "2030-01-01T10:00:00Z", "12345678", "1234567.50"),
        "c1000000-0000-4000-8000-000000000001",
    ],
)
def test_what_does_not(value: str) -> None:
    """Times, counts and keys stand in many places."""
    assert not identifies(value)
