"""The stand-in for PostgREST: what it understands becomes exactly this SQL, everything else is refused."""

from __future__ import annotations

import pytest

from scripts.sandbox.postgrest import NotUnderstoodError, Query, statement

ROWS = "select coalesce(json_agg(row_to_json(t)), '[]')::text from ({} limit 1000 offset 0) t"


@pytest.mark.parametrize(
    ("asked", "text", "values"),
    [
        (Query("GET", "a", []), ROWS.format('select * from "public"."a"'), []),
        (
            Query("GET", "a", [("select", "x,y"), ("order", "x.desc.nullslast,y"), ("limit", "5000")]),
            ROWS.format('select "x", "y" from "public"."a" order by "x" desc nulls last, "y"'),
            [],
        ),
        (
            Query("GET", "a", [("x", "gte.3"), ("y", "is.null"), ("z", 'in.(b,"c")'), ("n", "like.A*")]),
            ROWS.format(
                'select * from "public"."a" where "x" >= %s and "y" is null'
                ' and "z"::text = any(%s) and "n" like %s'
            ),
            ["3", ["b", "c"], "A%"],
        ),
        (
            Query("POST", "a", [], b'{"x": 1}', returns=False),
            'insert into "public"."a" ("x") select "x" from json_populate_record(null::"public"."a", %s)',
            ['{"x": 1}'],
        ),
        (
            Query("PATCH", "a", [("id", "eq.7")], b'{"x": 1}', returns=False),
            (
                'update "public"."a" set ("x") = (select "x" from'
                ' json_populate_record(null::"public"."a", %s)) where "id" = %s'
            ),
            ['{"x": 1}', "7"],
        ),
        (
            Query("DELETE", "a", [("id", "eq.7")]),
            (
                'with t as (delete from "public"."a" where "id" = %s returning *)'
                " select coalesce(json_agg(row_to_json(t)), '[]')::text from t"
            ),
            ["7"],
        ),
    ],
)  # fmt: skip
def test_a_request_becomes_sql(asked: Query, text: str, values: list[object]) -> None:
    """Names are quoted, values travel apart."""
    query, given = statement(asked)

    assert (text, values) == (query.as_string(None), given)


@pytest.mark.parametrize(
    "asked",
    [
        Query("GET", "rpc/x", []),
        Query("GET", 'a" where true --', []),
        Query("GET", "a", [("select", "x,b(*)")]),
        Query("GET", "a", [("x", "3")]),
        Query("GET", "a", [("x", "drop.table")]),
        Query("GET", "a", [("x", "is.1")]),
        Query("GET", "a", [("or", "(x.eq.1)")]),
        Query("GET", "a", [("order", "x.desc; drop")]),
        Query("GET", "a", [("limit", "-1")]),
        Query("POST", "a", [], b"{"),
        Query("POST", "a", [], b"[]"),
        Query("POST", "a", [], b"[1]"),
        Query("PUT", "a", [], b"{}"),
    ],
)
def test_what_is_not_known_is_refused(asked: Query) -> None:
    """It never answers with something else than was asked for."""
    with pytest.raises(NotUnderstoodError):
        statement(asked)
