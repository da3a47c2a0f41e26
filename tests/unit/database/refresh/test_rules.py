"""Masking rules: default deny, and every rule that can't work is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.refresh import rules as refresh_rules
from scripts.database.refresh.rules import Column, Rules

NEED = [
    "text", "character varying(20)", "character(3)", "citext", "json", "jsonb", "bytea", "inet", "tsvector",
    "text[]", "jsonb[]", "vector(3)", "public.address", "xml", "hstore", "character varying(20)[]",
]  # fmt: skip
NEED_NOT = [
    "integer", "bigint", "numeric(10,2)", "boolean", "uuid", "date", "timestamp with time zone", "enum",
    "timestamp(3) without time zone", "double precision", "daterange", "integer[]", "uuid[]", "interval",
]  # fmt: skip


def column(kind: str, name: str = "c", **more: object) -> Column:
    return replace(Column("public.t", name, kind), **more)  # type: ignore[arg-type]


def rules(**columns: str) -> Rules:
    return Rules(tables={"public.t": columns})


@pytest.mark.parametrize("kind", NEED)
def test_a_type_that_may_identify_a_person_needs_a_rule(kind: str) -> None:
    """A new one without a rule is named, with its type."""
    assert [f"`public.t.c` ({kind}) has no rule"] == list(refresh_rules.objections(Rules(), [column(kind)]))
    assert list(refresh_rules.objections(rules(c="keep"), [column(kind)])) == []


@pytest.mark.parametrize("kind", NEED_NOT)
def test_a_type_that_identifies_nobody_needs_no_rule(kind: str) -> None:
    assert list(refresh_rules.objections(Rules(), [column(kind)])) == []


@pytest.mark.parametrize("name", ["birth_date", "Date_Naissance", "phone", "mobile_no", "iban", "tax_id"])
def test_a_personal_name_needs_a_rule_whatever_its_type(name: str) -> None:
    assert list(refresh_rules.objections(Rules(), [column("date", name)])) != []


@given(st.text(max_size=30))
def test_an_unknown_type_needs_a_rule(kind: str) -> None:
    """Default deny: a type that is not on the list of plain types may identify a person."""
    plain = refresh_rules.PLAIN.fullmatch(kind.removesuffix("[]")) is not None

    assert plain is not column(kind).needs_rule


UNFIT = [
    (column("text", required=True), "null", "can't be null"),
    (column("text"), "scrub", "is for json"),
    (column("jsonb"), "hash", "is for text"),
    (column("integer"), "fake name", "is for text"),
    (column("integer"), "empty", "is for text, json and lists"),
    (column("text", unique=True), "fake name", "must not repeat"),
    (column("text", unique=True), "truncate 3", "must not repeat"),
    (column("text", generated=True), "hash", "is computed"),
]


@pytest.mark.parametrize(("which", "rule", "said"), UNFIT)
def test_a_rule_that_can_not_work_is_refused(which: Column, rule: str, said: str) -> None:
    assert said in "".join(refresh_rules.objections(rules(c=rule), [which]))


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
