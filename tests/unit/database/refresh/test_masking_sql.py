"""The SQL that masks: names are quoted, and each rule has its expression."""

# ruff: noqa: S608 - the expected text of statements
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.refresh import masking_sql
from scripts.database.refresh.rules import Column, Rules

KINDS = st.sampled_from(["text", "character varying(20)", "jsonb", "text[]", "bytea"])
NAMES = st.text(min_size=1, max_size=12)
RULES = st.sampled_from(["keep", "null", "empty", "hash", "scrub", "fake email", "fake name", "truncate 3"])


def update(kind: str, rule: str) -> str:
    """The expression for a column `c` of this type."""
    (order,) = masking_sql.updates(Rules(tables={"public.t": {"c": rule}}), [Column("public.t", "c", kind)])
    return order.removeprefix('update "public"."t" set "c" = ')


@given(NAMES, NAMES, RULES, KINDS)
def test_any_name_is_quoted(table: str, name: str, rule: str, kind: str) -> None:
    """No name ends its quotes."""
    rules = Rules(tables={f"public.{table}": {name: rule}})
    orders = masking_sql.updates(rules, [Column(f"public.{table}", name, kind)])
    quoted = [part.replace('"', '""') for part in (table, name)]

    assert (orders == ()) == (rule == "keep")
    for order in orders:
        assert order.startswith(f'update "public"."{quoted[0]}" set "{quoted[1]}" = ')


@pytest.mark.parametrize(
    ("kind", "rule", "expression"),
    [
        ("text", "null", "null"),
        ("text", "hash", 'desk_mask.hash("c"::text)'),
        ("text", "truncate 3", 'left("c"::text, 3)'),
        ("text", "fake email", "desk_mask.fake_email(\"c\"::text, 'example.invalid')"),
        ("character varying(8)", "fake name", 'left(desk_mask.fake_name("c"::text), 8)'),
        ("jsonb", "empty", "case when \"c\" is null then null else '{}'::jsonb end"),
        ("json", "scrub", 'desk_mask.scrub("c"::jsonb)::json'),
        ("text[]", "empty", "case when \"c\" is null then null else '{}'::text[] end"),
    ],
)
def test_each_rule_has_its_expression(kind: str, rule: str, expression: str) -> None:
    """A value is cut to the length that its column allows."""
    assert update(kind, rule) == expression


def test_each_element_of_an_array_is_masked_in_order() -> None:
    """Null stays null."""
    assert update("text[]", "hash") == (
        'case when "c" is null then null else array(select desk_mask.hash(e::text)'
        ' from unnest("c") with ordinality as u(e, o) order by o)::text[] end'
    )


def test_columns_of_a_table_share_one_update() -> None:
    """So each row is written once."""
    rules = Rules(tables={"public.t": {"a": "null", "b": "null"}})
    columns = [Column("public.t", "a", "text"), Column("public.t", "b", "text")]

    assert masking_sql.updates(rules, columns) == ('update "public"."t" set "a" = null, "b" = null',)


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


def test_accounts_are_masked_as_far_as_their_tables_exist() -> None:
    """Users before identities, which read their masked addresses."""
    users = masking_sql.users_update(["email"], Rules())
    both = {"users": ["email"], "identities": ["id"]}

    assert masking_sql.account_updates({}, Rules()) == ()
    assert masking_sql.account_updates({"users": ["email"]}, Rules()) == (users,)
    assert masking_sql.account_updates(both, Rules()) == (users, masking_sql.IDENTITIES)
