"""Translate a PostgREST request to SQL: the part that a page and its tests need.

    GET     /rest/v1/TABLE?select=a,b&c=eq.1&order=a.desc,b&limit=10&offset=0
    POST    /rest/v1/TABLE    one object or a list; with `Prefer: return=representation` the rows come back
    PATCH   /rest/v1/TABLE?c=eq.1
    DELETE  /rest/v1/TABLE?c=eq.1

Operators: eq neq gt gte lt lte like ilike is in. No embedding, no `or`, no functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import sql


OPERATORS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS |= {"like": "like", "ilike": "ilike"}
WORDS = {"null": "null", "true": "true", "false": "false"}
NOT_COLUMNS = ("select", "order", "limit", "offset", "columns", "on_conflict")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_ROWS = 1000  # of an answer, as on Supabase


class NotUnderstoodError(Exception):
    """The request is beyond what this stand-in knows."""


@dataclass(frozen=True)
class Query:
    """One request: method, table, the pairs of its query string, its body, whether it returns rows."""

    method: str
    table: str
    pairs: Sequence[tuple[str, str]]
    body: bytes = b""
    returns: bool = True


def statement(query: Query) -> tuple[sql.Composed, list[Any]]:
    """The SQL and its parameters. Its one value is the answer as JSON text; it has none without `returns`.

    Raises:
        NotUnderstoodError: the request is not one of the above.
    """
    from psycopg import sql

    table = sql.Identifier("public", _name(query.table))
    where, values = _where(query.pairs)
    if query.method == "GET":
        whole = sql.SQL("select coalesce(json_agg(row_to_json(t)), '[]')::text from ({}) t")
        return whole.format(_select(query, table, where)), values
    if query.method == "DELETE":
        change = sql.SQL("delete from {}{}").format(table, where)
    elif query.method in ("POST", "PATCH"):
        change = _written(query, table, where)
        values = [query.body.decode(), *values]
    else:
        raise NotUnderstoodError(f"{query.method} is not known here")
    if not query.returns:  # without `returning`, no policy for select applies
        return change, values
    whole = sql.SQL(
        "with t as ({} returning *) select coalesce(json_agg(row_to_json(t)), '[]')::text from t"
    )
    return whole.format(change), values


def _select(query: Query, table: sql.Identifier, where: sql.Composable) -> sql.Composed:
    from psycopg import sql

    options = dict(query.pairs)
    wanted = options.get("select", "*")
    columns: sql.Composable = sql.SQL("*")
    if wanted != "*":
        columns = sql.SQL(", ").join(sql.Identifier(_name(column)) for column in wanted.split(","))
    order: sql.Composable = sql.SQL("")
    if options.get("order"):
        order = sql.SQL(" order by ") + sql.SQL(", ").join(map(_ordered, options["order"].split(",")))
    rows = sql.SQL("select {} from {}{}{}").format(columns, table, where, order)
    limit, offset = (
        _number(options.get(name), default) for name, default in (("limit", MAX_ROWS), ("offset", 0))
    )
    return rows + sql.SQL(" limit {} offset {}").format(min(limit, MAX_ROWS), offset)


def _ordered(text: str) -> sql.Composed:
    from psycopg import sql

    column, *how = text.split(".")
    if set(how) - {"asc", "desc", "nullsfirst", "nullslast"}:
        raise NotUnderstoodError(f"order `{text}`")
    words = [{"nullsfirst": "nulls first", "nullslast": "nulls last"}.get(word, word) for word in how]
    return sql.SQL(" ").join([sql.Identifier(_name(column)), *map(sql.SQL, words)])


def _written(query: Query, table: sql.Identifier, where: sql.Composable) -> sql.Composed:
    """An insert or update of the columns that the body names; the table's types parse the values."""
    from psycopg import sql

    try:
        given = json.loads(query.body)
    except ValueError:
        raise NotUnderstoodError("the body is not JSON") from None
    rows = given if isinstance(given, list) else [given]
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        raise NotUnderstoodError("the body should be an object, or a list of them")
    columns = sql.SQL(", ").join(
        sql.Identifier(_name(column)) for column in dict.fromkeys(key for row in rows for key in row)
    )
    many = "json_populate_recordset" if isinstance(given, list) else "json_populate_record"
    source = sql.SQL("select {} from {}(null::{}, %s)").format(columns, sql.SQL(many), table)
    if query.method == "POST":
        return sql.SQL("insert into {} ({}) {}").format(table, columns, source)
    return sql.SQL("update {} set ({}) = ({}){}").format(table, columns, source, where)


def _where(pairs: Sequence[tuple[str, str]]) -> tuple[sql.Composable, list[Any]]:
    from psycopg import sql

    conditions: list[sql.Composable] = []
    values: list[Any] = []
    for column, condition in pairs:
        if column in NOT_COLUMNS:
            continue
        operator, _, value = condition.partition(".")
        name = sql.Identifier(_name(column))
        if operator == "is" and value in WORDS:
            conditions.append(sql.SQL("{} is {}").format(name, sql.SQL(WORDS[value])))
        elif operator == "in" and value[:1] == "(" and value[-1:] == ")":
            conditions.append(sql.SQL("{}::text = any(%s)").format(name))
            values.append([item.strip('"') for item in value[1:-1].split(",")])
        elif operator in OPERATORS:
            conditions.append(sql.SQL("{} {} %s").format(name, sql.SQL(OPERATORS[operator])))
            values.append(value.replace("*", "%") if "like" in operator else value)
        else:
            raise NotUnderstoodError(f"`{column}={condition}` is no condition known here")
    if not conditions:
        return sql.SQL(""), values
    return sql.SQL(" where ") + sql.SQL(" and ").join(conditions), values


def _name(text: str) -> str:
    if not NAME.fullmatch(text.strip()):
        raise NotUnderstoodError(f"`{text}` is no plain name: embedding and functions are not known here")
    return text.strip()


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdigit():
        raise NotUnderstoodError(f"`{text}` is no number")
    return int(text)
