"""From a request as PostgREST documents it to SQL: the part of it that a page and its tests need.

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
MOST = 1000  # rows of an answer, as on Supabase


class NotUnderstoodError(Exception):
    """The request is none that this stand-in knows."""


@dataclass(frozen=True)
class Asked:
    """One request: method, table, the query's pairs in order, the body, whether rows come back."""

    method: str
    table: str
    pairs: Sequence[tuple[str, str]]
    body: bytes = b""
    returns: bool = True


def statement(asked: Asked) -> tuple[sql.Composed, list[Any]]:
    """The SQL, whose one row and column is the answer as JSON (none without `returns`); and its values.

    Raises:
        NotUnderstoodError: nothing of the above.
    """
    from psycopg import sql

    table = sql.Identifier("public", _name(asked.table))
    where, values = _where(asked.pairs)
    if asked.method == "GET":
        whole = sql.SQL("select coalesce(json_agg(row_to_json(t)), '[]')::text from ({}) t")
        return whole.format(_select(asked, table, where)), values
    if asked.method == "DELETE":
        change = sql.SQL("delete from {}{}").format(table, where)
    elif asked.method in ("POST", "PATCH"):
        change = _written(asked, table, where)
        values = [asked.body.decode(), *values]
    else:
        raise NotUnderstoodError(f"{asked.method} is not known here")
    if not asked.returns:  # without `returning`, no policy for reading is asked
        return change, values
    whole = sql.SQL(
        "with t as ({} returning *) select coalesce(json_agg(row_to_json(t)), '[]')::text from t"
    )
    return whole.format(change), values


def _select(asked: Asked, table: sql.Identifier, where: sql.Composable) -> sql.Composed:
    from psycopg import sql

    told = dict(asked.pairs)
    wanted = told.get("select", "*")
    columns: sql.Composable = sql.SQL("*")
    if wanted != "*":
        columns = sql.SQL(", ").join(sql.Identifier(_name(each)) for each in wanted.split(","))
    order: sql.Composable = sql.SQL("")
    if told.get("order"):
        order = sql.SQL(" order by ") + sql.SQL(", ").join(map(_ordered, told["order"].split(",")))
    rows = sql.SQL("select {} from {}{}{}").format(columns, table, where, order)
    limit, offset = (_number(told.get(name), known) for name, known in (("limit", MOST), ("offset", 0)))
    return rows + sql.SQL(" limit {} offset {}").format(min(limit, MOST), offset)


def _ordered(text: str) -> sql.Composed:
    from psycopg import sql

    column, *how = text.split(".")
    if set(how) - {"asc", "desc", "nullsfirst", "nullslast"}:
        raise NotUnderstoodError(f"order `{text}`")
    words = [{"nullsfirst": "nulls first", "nullslast": "nulls last"}.get(each, each) for each in how]
    return sql.SQL(" ").join([sql.Identifier(_name(column)), *map(sql.SQL, words)])


def _written(asked: Asked, table: sql.Identifier, where: sql.Composable) -> sql.Composed:
    """The columns are those that the body names; the table's own types read their values."""
    from psycopg import sql

    try:
        given = json.loads(asked.body)
    except ValueError:
        raise NotUnderstoodError("the body is not JSON") from None
    rows = given if isinstance(given, list) else [given]
    if not rows or not all(isinstance(each, dict) and each for each in rows):
        raise NotUnderstoodError("the body should be an object, or a list of them")
    columns = sql.SQL(", ").join(
        sql.Identifier(_name(each)) for each in dict.fromkeys(k for r in rows for k in r)
    )
    many = "json_populate_recordset" if isinstance(given, list) else "json_populate_record"
    source = sql.SQL("select {} from {}(null::{}, %s)").format(columns, sql.SQL(many), table)
    if asked.method == "POST":
        return sql.SQL("insert into {} ({}) {}").format(table, columns, source)
    return sql.SQL("update {} set ({}) = ({}){}").format(table, columns, source, where)


def _where(pairs: Sequence[tuple[str, str]]) -> tuple[sql.Composable, list[Any]]:
    from psycopg import sql

    conditions: list[sql.Composable] = []
    values: list[Any] = []
    for column, said in pairs:
        if column in NOT_COLUMNS:
            continue
        operator, _, value = said.partition(".")
        name = sql.Identifier(_name(column))
        if operator == "is" and value in WORDS:
            conditions.append(sql.SQL("{} is {}").format(name, sql.SQL(WORDS[value])))
        elif operator == "in" and value[:1] == "(" and value[-1:] == ")":
            conditions.append(sql.SQL("{}::text = any(%s)").format(name))
            values.append([each.strip('"') for each in value[1:-1].split(",")])
        elif operator in OPERATORS:
            conditions.append(sql.SQL("{} {} %s").format(name, sql.SQL(OPERATORS[operator])))
            values.append(value.replace("*", "%") if "like" in operator else value)
        else:
            raise NotUnderstoodError(f"`{column}={said}` is no condition known here")
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
