"""Masking rules: default deny, and every rule that can't work is refused."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from scripts.database.refresh import rules as refresh_rules
from scripts.database.refresh.rules import Column, Rules


def column(kind: str, name: str = "c", **more: object) -> Column:
    return replace(Column("public.t", name, kind), **more)  # type: ignore[arg-type]


def rules(**columns: str) -> Rules:
    return Rules(tables={"public.t": columns})


UNFIT = [
    (column("text", required=True), "null", "can't be null"),
    (column("text"), "scrub", "is for json"),
    (column("jsonb"), "hash", "is for text"),
    (column("integer"), "fake name", "is for text"),
    (column("box"), "empty", "is for text, json, lists"),
    (column("interval"), "hash", "is for text, uuid"),
    (column("public.address[]"), "fake text", "is for text"),
    (column("text"), "fake number", "is for numbers"),
    (column("text"), "fake date", "is for dates"),
    (column("text", unique=True), "fake name", "must not repeat"),
    (column("text", unique=True), "truncate 3", "must not repeat"),
    (column("text", generated=True), "hash", "is computed"),
]


@pytest.mark.parametrize(("which", "rule", "said"), UNFIT)
def test_a_rule_that_can_not_work_is_refused(which: Column, rule: str, said: str) -> None:
    assert said in "".join(refresh_rules.objections(rules(c=rule), [which]))


FIT = [
    (column("public.address[]"), "empty"),
    (column("extensions.citext", required=True, unique=True), "hash"),
    (column("jsonb[]"), "scrub keep-keys check_in,check_out"),
    (column("numeric(10,2)", required=True), "fake number"),
    (column("timestamp(3) with time zone"), "fake date"),
    (column("interval"), "empty"),
    (column("bigint", unique=True), "hash"),
    (column("text", generated=True), "keep"),
]


@pytest.mark.parametrize(("which", "rule"), FIT, ids=str)
def test_a_rule_that_can_work_is_accepted(which: Column, rule: str) -> None:
    """Whatever schema, length or list the type has."""
    read, faults = refresh_rules.parse_rules({"tables": {"public.t": {"c": rule}}})

    assert faults == ()
    assert list(refresh_rules.objections(read, [which])) == []


def test_a_masked_column_does_not_decide_which_rows_are_dropped() -> None:
    """A made-up date would drop other rows."""
    read = Rules(rows={"public.t": ("c", 9)}, tables={"public.t": {"c": "fake date"}})

    assert "it can't be masked" in "".join(refresh_rules.objections(read, [column("date")]))


def test_a_table_may_have_several_sections() -> None:
    """So lines can be pasted at the end of the file; a rule that stands twice is a fault all the same."""
    first, second = '[tables."public.t"]\na = "keep"\n', '[tables."public.u"]\nb = "keep"\n'
    text = first + second + '\n[tables."public.t"] # new\n"c" = "null"\n'

    assert refresh_rules.parse_text(text) == {
        "tables": {"public.t": {"a": "keep", "c": "null"}, "public.u": {"b": "keep"}}
    }
    with pytest.raises(tomllib.TOMLDecodeError):
        refresh_rules.parse_text(text + '[tables."public.t"]\na = "null"\n')


def test_both_ends_of_a_key_need_the_same_rule() -> None:
    """Otherwise the rows would no longer find each other."""
    child = Column("public.u", "login", "text", keys=("public.t.c",))
    both = {"public.t": {"c": "hash"}, "public.u": {"login": "hash"}}
    one = {"public.t": {"c": "hash"}, "public.u": {"login": "keep"}}

    assert list(refresh_rules.objections(Rules(tables=both), [column("text"), child])) == []
    assert "both need the same rule" in "".join(
        refresh_rules.objections(Rules(tables=one), [column("text"), child])
    )


FAULTS = [
    {"domain": "gmail.com"},
    {"domain": "x'; drop table t; --.invalid"},
    {"tables": {"t": {"c": "keep"}}},
    {"tables": {"public.t": {"c": "mask"}}},
    {"tables": {"public.t": {"c": "truncate 3; drop table x"}}},
    {"tables": {"public.t": {"rows": "older than 3 days"}}},
    {"tables": []},
    {"canaries": ["x"]},
    {"allowed": "hello@airhost.example"},
    {"tables": {"public.t": {"c": "scrub keep-keys "}}},
    {"tabels": {}},
]


@pytest.mark.parametrize("document", FAULTS, ids=str)
def test_a_fault_in_the_file_is_found(document: dict[str, object]) -> None:
    assert refresh_rules.parse_rules(document)[1] != ()


def test_rows_that_are_too_old_are_named_by_a_column() -> None:
    """The column must exist if the table does."""
    read, faults = refresh_rules.parse_rules(
        {"tables": {"public.t": {"rows": "made_at older than 90 days"}}}
    )

    assert (faults, read.rows) == ((), {"public.t": ("made_at", 90)})
    assert list(refresh_rules.objections(read, [column("uuid")])) == [
        "`public.t.made_at` is not a column, but decides which rows are dropped"
    ]
    assert list(refresh_rules.objections(read, [])) == []


def test_only_columns_whose_values_change_are_masked() -> None:
    """`keep` and no rule leave a column alone."""
    columns = [column("text", "a"), column("text", "b"), column("uuid", "c")]

    assert refresh_rules.masked(rules(a="hash", b="keep"), columns) == (columns[0],)
