"""The SQL that masks: names are quoted, the key is in no statement, no value calls a function of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.refresh import masking_sql
from scripts.database.refresh import rules as refresh_rules
from scripts.database.refresh.rules import Column, Rules

KINDS = (
    "text",
    "character varying(20)",
    "jsonb",
    "text[]",
    "bytea",
    "numeric(10,2)",
    "date",
    "bigint",
    "inet",
)
RULES = (
    *("keep", "null", "empty", "hash", "scrub", "fake email", "fake name", "fake phone", "fake text"),
    *("fake number", "fake date", "truncate 3", "scrub keep-keys it's,b"),
)
FITTING = [
    (kind, rule)
    for kind in KINDS
    for rule in RULES
    if not list(refresh_rules.unfit(Column("public.t", "c", kind), rule))
]


# without JSON, whose known keys have quotes of their own
NAMED = [each for each in FITTING if each[1] != "keep" and not each[1].startswith("scrub")]


def expression(kind: str, rule: str, name: str = "c") -> str:
    """The expression for a column of this type."""
    return masking_sql.expression(Column("public.t", name, kind), rule, "example.invalid")


@given(st.text(min_size=1, max_size=12), st.sampled_from(NAMED))
def test_any_name_is_quoted(name: str, fitting: tuple[str, str]) -> None:
    """No name ends its quotes; the type is that of the column."""
    kind, rule = fitting
    quoted = f'"{name.replace(chr(34), chr(34) * 2)}"'
    sql = expression(kind, rule, name)

    assert sql.replace(quoted, "").count('"') == expression(kind, rule).replace('"c"', "").count('"')
    assert sql.endswith((f"::{kind}", f"::{kind} end"))


@pytest.mark.parametrize(
    ("kind", "rule"), [each for each in FITTING if each[1] not in ("keep", "null", "empty")]
)
def test_values_are_masked_by_built_in_functions(kind: str, rule: str) -> None:
    """The JSON mask is the only function of the desk's own; where it does not exist, it is left out."""
    column = Column("public.t", "c", kind)

    assert ("desk_mask" in expression(kind, rule)) == rule.startswith("scrub")
    assert "desk_mask" not in masking_sql.expression(column, rule, "example.invalid", dry=True)


@pytest.mark.parametrize(
    ("kind", "rule", "sql"),
    [
        ("text", "null", "null::text"),
        ("text", "truncate 3", '(left("c"::text, 3))::text'),
        ("jsonb", "empty", "case when \"c\" is null then null else '{}'::jsonb end"),
        ("public.address[]", "empty", "case when \"c\" is null then null else '{}'::public.address[] end"),
    ],
)
def test_each_rule_has_its_expression(kind: str, rule: str, sql: str) -> None:
    assert expression(kind, rule) == sql


def test_json_keys_that_are_known_stay() -> None:
    """Common words, and those of the rule; the outer levels need no call of a function."""
    sql = expression("json", "scrub keep-keys it's,b")

    assert sql.startswith('(case jsonb_typeof("c"::jsonb)')
    assert sql.endswith("end)::json")
    assert '"city": 1' in sql
    assert "\"it''s\": 1" in sql
    assert "desk_mask.scrub(e1, " in sql


def test_the_key_is_a_setting_of_the_session() -> None:
    """In a query of its own, which the server runs once per statement."""
    assert "(select current_setting('desk.key'))" in expression("text", "hash")


def test_each_element_of_an_array_is_masked_in_order() -> None:
    """Null stays null."""
    assert expression("text[]", "truncate 2") == (
        'case when "c" is null then null else array(select left(e::text, 2)'
        ' from unnest("c") with ordinality as u(e, o) order by o)::text[] end'
    )


def test_a_value_has_the_declared_type() -> None:
    """A domain, or a length to which it is cut."""
    column = Column("public.t", "c", "character varying(40)", declared="public.mail")

    assert masking_sql.expression(column, "null", "example.invalid") == "null::public.mail"


def test_expressions_are_sorted_by_table_and_column() -> None:
    """Only columns whose values change have one."""
    rules = Rules(tables={"public.t": {"a": "null", "b": "keep"}, "public.u": {"c": "null"}})
    columns = [
        Column("public.t", "a", "text"),
        Column("public.t", "b", "text"),
        Column("public.u", "c", "text"),
    ]

    assert masking_sql.expressions(rules, columns) == {
        "public.t": {"a": "null::text"},
        "public.u": {"c": "null::text"},
    }


def test_old_rows_are_deleted() -> None:
    """By the age of a column."""
    rules = Rules(rows={"public.t": ("made_at", 90)})

    assert masking_sql.deletes(rules) == (
        'delete from "public"."t" where "made_at" < now() - interval \'90 days\'',
    )


def test_unknown_columns_of_accounts_are_emptied() -> None:
    """A column that the platform adds tomorrow is not copied by chance; harmless ones stay."""
    columns = ["id", "email", "phone", "recovery_token", "secret_hint", "created_at", "encrypted_password"]
    order = masking_sql.users_update(columns, Rules(password_hash="it's"))

    assert '"secret_hint" = null' in order
    assert "\"recovery_token\" = ''" in order
    assert "\"encrypted_password\" = 'it''s'" in order
    assert '"id" =' not in order
    assert '"created_at" =' not in order


def test_unknown_columns_of_identities_are_emptied() -> None:
    """What a provider told of a person is replaced."""
    order = masking_sql.identities_update(
        ["id", "user_id", "provider", "identity_data", "hint", "provider_id"]
    )

    assert order.startswith('update auth.identities i set "identity_data" = jsonb_build_object(')
    assert '"hint" = null, "provider_id" = i.user_id::text' in order


def test_accounts_are_masked_as_far_as_their_tables_exist() -> None:
    """Users before identities, which read their masked addresses."""
    users = masking_sql.users_update(["email"], Rules())
    both = {"users": ["email"], "identities": ["identity_data"]}

    assert masking_sql.account_updates({}, Rules()) == ()
    assert masking_sql.account_updates({"users": ["email"]}, Rules()) == (users,)
    assert masking_sql.account_updates(both, Rules()) == (
        users,
        masking_sql.identities_update(["identity_data"]),
    )
