"""Masking rules: default deny, and SQL that does what the rule says, for any name and any key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.refresh import masking_sql
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
NAMES = st.text(min_size=1, max_size=12)
RULES = st.sampled_from(["keep", "null", "empty", "hash", "scrub", "fake email", "fake name", "truncate 3"])


def column(kind: str, name: str = "c", **more: object) -> Column:
    return replace(Column("public.t", name, kind), **more)  # type: ignore[arg-type]


def rules(**columns: str) -> Rules:
    return Rules(tables={"public.t": columns})


@pytest.mark.parametrize("kind", NEED)
def test_what_may_tell_a_person_needs_a_rule(kind: str) -> None:
    """A new one without a rule is named, with its type."""
    assert [f"`public.t.c` ({kind}) has no rule"] == list(refresh_rules.objections(Rules(), [column(kind)]))
    assert list(refresh_rules.objections(rules(c="keep"), [column(kind)])) == []


@pytest.mark.parametrize("kind", NEED_NOT)
def test_what_tells_nothing_needs_none(kind: str) -> None:
    assert list(refresh_rules.objections(Rules(), [column(kind)])) == []


@pytest.mark.parametrize("name", ["birth_date", "Date_Naissance", "phone", "mobile_no", "iban", "tax_id"])
def test_a_telling_name_needs_a_rule_whatever_its_type(name: str) -> None:
    assert list(refresh_rules.objections(Rules(), [column("date", name)])) != []


@given(st.text(max_size=30))
def test_a_type_that_nobody_knows_needs_a_rule(kind: str) -> None:
    """Default deny: what is not on the list of plain types is treated as telling."""
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


@given(NAMES, NAMES, RULES, st.sampled_from(NEED))
def test_names_are_quoted_whatever_they_are(table: str, name: str, rule: str, kind: str) -> None:
    """No name ends its quotes: what is outside of them is our own."""
    given_rules = Rules(tables={f"public.{table}": {name: rule}})
    made = masking_sql.updates(given_rules, [Column(f"public.{table}", name, kind)])
    quoted = '"' + name.replace('"', '""') + '"'

    assert (rule == "keep") == (made == ())
    for each in made:
        assert each.removeprefix("update ").startswith(
            '"public"."' + table.replace('"', '""') + '" set ' + quoted + " = "
        )


def test_rows_that_are_too_old_go_first() -> None:
    read, faults = refresh_rules.parse_rules(
        {"tables": {"public.t": {"rows": "made_at older than 90 days"}}}
    )

    assert () == faults
    assert ('delete from "public"."t" where "made_at" < now() - interval \'90 days\'',) == (
        masking_sql.deletes(read)
    )
    assert "decides which rows are dropped" in "".join(refresh_rules.objections(read, [column("uuid")]))
    assert list(refresh_rules.objections(read, [])) == []


def test_unknown_columns_of_accounts_are_emptied() -> None:
    """What the platform adds tomorrow is not copied by chance; what is harmless stays."""
    order = masking_sql.users_update(
        ["id", "email", "phone", "recovery_token", "secret_hint", "created_at"], Rules()
    )

    assert '"secret_hint" = null' in order
    assert "\"recovery_token\" = ''" in order
    assert '"id" =' not in order
    assert '"created_at" =' not in order
