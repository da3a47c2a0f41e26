"""Default deny: which columns need a rule, and lines that give them one."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.refresh import personal
from scripts.database.refresh import rules as refresh_rules
from scripts.database.refresh.rules import Column, Rules


def column(kind: str, name: str = "c", **more: object) -> Column:
    return replace(Column("public.t", name, kind), **more)  # type: ignore[arg-type]


NEED = [
    *(column(kind) for kind in ("text", "character varying(20)", "character(3)", "public.citext", "name")),
    *(
        column(kind)
        for kind in ("json", "jsonb", "xml", "extensions.hstore", "bytea", "tsvector", "jsonpath")
    ),
    *(column(kind) for kind in ("money", "numeric(10,2)", "real", "double precision", "integer", "bigint")),
    *(column(kind) for kind in ("date", "time without time zone", "interval", "timestamp with time zone")),
    *(
        column(kind)
        for kind in ("inet", "macaddr", "cidr", "point", "box", "extensions.geometry(Point,4326)")
    ),
    *(
        column(kind)
        for kind in ("int4range", "daterange", "tstzmultirange", "public.address", "uuid", "bit(3)")
    ),
    *(
        column(kind)
        for kind in ("text[]", "jsonb[]", "integer[]", "uuid[]", "enum[]", "boolean[]", "vector(3)")
    ),
    column("text", key=True),
    column("date", key=True),
    column("date", "created_at"),
    column("timestamp with time zone", "last_seen_at"),
    column("boolean[]", key=True),
]
NEED_NOT = [
    *(column(kind, key=True) for kind in ("smallint", "integer", "bigint", "uuid", "oid")),
    *(column(kind, numbered=True) for kind in ("integer", "bigint")),
    *(column(kind, name) for kind in ("boolean", "enum") for name in ("c", "phone_verified")),
    *(column("timestamp(3) without time zone", name) for name in ("created_at", "updatedAt", "deleted_on")),
    column("timestamp with time zone", "received_at", clock=True),
    column("uuid", "account_no", key=True),
    column("bigint", "address_id", key=True),
    column("text", generated=True),
]


@pytest.mark.parametrize("which", NEED, ids=lambda each: f"{each.kind} {each.name}")
def test_what_may_identify_a_person_needs_a_rule(which: Column) -> None:
    """Whatever is no integer key, number of a sequence, boolean, enum or time of the system."""
    assert personal.needs_rule(which)
    assert personal.missing(Rules(), [which]) == (which,)
    assert personal.missing(Rules(tables={"public.t": {which.name: "keep"}}), [which]) == ()


@pytest.mark.parametrize("which", NEED_NOT, ids=lambda each: f"{each.kind} {each.name}")
def test_what_identifies_nobody_needs_no_rule(which: Column) -> None:
    """A key that is a number or a uuid, what a sequence or a clock gives, a boolean, an enum."""
    assert not personal.needs_rule(which)


TELLING = """telefon telefonnummer tel_no mobile_no handynummer geburtstag birthDate dob salary gehalt
    date_naissance lat longitude pin account_no accountNumber kontonummer iban ssn tax_id national_id
    passport_no zip_code     téléphone prénom email_hash"""


@pytest.mark.parametrize("name", TELLING.split())
def test_a_telling_name_needs_a_rule_even_for_a_key(name: str) -> None:
    """People are known by such numbers."""
    assert personal.needs_rule(column("bigint", name, key=True))
    assert personal.needs_rule(column("timestamp with time zone", name, clock=True))


@pytest.mark.parametrize(
    "name", "id order_id address_id template_no sort latest_no pinned opinion total".split()
)
def test_other_names_do_not(name: str) -> None:
    """A telling word counts as a word, not as a part of another."""
    assert not personal.needs_rule(column("bigint", name, key=True))


@given(st.text(max_size=30))
def test_an_unknown_type_needs_a_rule(kind: str) -> None:
    """Default deny."""
    harmless = kind in ("boolean", "enum")

    assert personal.needs_rule(column(kind)) is not harmless


def test_the_proposed_lines_go_through() -> None:
    """Pasted below what is there, they leave nothing to object to, whatever the columns are."""
    parent = column("character varying(30)", "login", unique=True, required=True, key=True)
    columns = [
        *(replace(each, name=f"c{place}", required=bool(place % 2)) for place, each in enumerate(NEED)),
        parent,
        column("text", 'so "called"', required=True, checked=True),
        column("bigint", "telefon", required=True),
        replace(column("text", "login"), table="public.u", keys=(parent.path,)),
    ]
    text = f'[tables."public.t"]\nc0 = "fake text"\n\n{personal.proposal(Rules(), columns[1:])}'
    rules, faults = refresh_rules.parse_rules(refresh_rules.parse_text(text))

    assert faults == ()
    assert personal.missing(rules, columns) == ()
    assert list(refresh_rules.objections(rules, columns)) == []
    assert personal.proposal(rules, columns) == ""
    assert tomllib.loads(text.replace('[tables."public.t"]\nc0 = "fake text"', ""))


PROPOSALS = [
    (column("text", "contact_mail"), "fake email"),
    (column("text", "phone"), "fake phone"),
    (column("text", "lastName"), "fake name"),
    (column("text", "lastName", unique=True), "hash"),
    (column("text", "note"), "fake text"),
    (column("text", "currency", required=True, checked=True), "keep"),
    (column("text", "currency", checked=True), "null"),
    (column("jsonb"), "scrub"),
    (column("integer", "price_cents"), "keep"),
    (column("numeric", "salary"), "fake number"),
    (column("date", "geburtstag"), "fake date"),
    (column("point", required=True), "empty"),
    (column("box", required=True), "keep"),
]


@pytest.mark.parametrize(("which", "rule"), PROPOSALS)
def test_the_rule_that_is_proposed_suits_name_and_type(which: Column, rule: str) -> None:
    assert personal.propose(which, {}, Rules()) == rule


def test_a_reference_gets_the_rule_of_what_it_refers_to() -> None:
    """Even where two tables refer to each other."""
    own = column("text", "a", keys=("public.u.b",), key=True)
    other = replace(column("text", "b", keys=("public.t.a",), key=True), table="public.u")
    by_path = {own.path: own, other.path: other}

    assert personal.propose(own, by_path, Rules(tables={"public.u": {"b": "null"}})) == "null"
    assert personal.propose(own, by_path, Rules()) == personal.propose(other, by_path, Rules())
