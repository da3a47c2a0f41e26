"""The words in which two lines differ, marked, and readable without colour."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations import words

MARKED = [
    ("column note text", "column note text not null", "column note text {+not null+}"),
    ("column note text not null", "column note text", "column note text [-not null-]"),
    ("column id integer", "column id bigint", "column id [-integer-]{+bigint+}"),
    ("type e 'new', 'paid'", "type e 'new', 'odd', 'paid'", "type e 'new', {+'odd',+} 'paid'"),
    ("same", "same", "same"),
    ("setting x 3s", "setting x 1h", "setting x [-3s-]{+1h+}"),
]


@pytest.mark.parametrize(("old", "new", "expected"), MARKED)
def test_the_words_that_differ_are_marked(old: str, new: str, expected: str) -> None:
    assert words.marked(old, new) == expected


def test_what_both_have_is_shortened() -> None:
    """The beginning, which names the thing, and the words beside the change stay."""
    many = " ".join(f"w{n}" for n in range(60))

    assert words.marked(f"policy p {many} a {many}", f"policy p {many} b {many}") == (
        "policy p w0 w1 w2 w3 ... w54 w55 w56 w57 w58 w59 [-a-]{+b+} w0 w1 w2 w3 w4 w5 ... "
    )


SIDES = st.lists(st.text("abc '", min_size=1, max_size=12), max_size=5, unique=True)


@given(st.text("ab 'c,", max_size=30), st.text("ab 'c,", max_size=30))
def test_no_word_of_either_side_is_lost(old: str, new: str) -> None:
    """Short texts: nothing is left out of them."""
    text = words.marked(old, new)
    was = re.sub(r"\{\+.*?\+\}", "", text).replace("[-", "").replace("-]", "")
    now = re.sub(r"\[-.*?-\]", "", text).replace("{+", "").replace("+}", "")

    assert "...".join(was.split()).replace(".", "") == "".join(old.split())
    assert "...".join(now.split()).replace(".", "") == "".join(new.split())


@given(SIDES, SIDES)
def test_every_line_that_differs_is_in_one_pair(old: list[str], new: list[str]) -> None:
    found = list(words.pairs(old, new))

    assert sorted(one for one, _ in found if one) == sorted(set(old) - set(new))
    assert sorted(other for _, other in found if other) == sorted(set(new) - set(old))


def test_lines_that_have_nothing_in_common_stand_alone() -> None:
    old, new = ["column a int", "index i btree"], ["grant to anon: SELECT", "column a bigint"]

    assert list(words.differing(old, new)) == [
        "column a [-int-]{+bigint+}",
        "[-index i btree-]",
        "{+grant to anon: SELECT+}",
    ]


def test_long_lines_are_broken() -> None:
    lines = list(words.wrapped("word " * 60))

    assert max(map(len, lines)) <= words.WIDTH
    assert lines[1].startswith("    word")
    assert list(words.wrapped("")) == [""]
