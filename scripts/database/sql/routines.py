# pure
"""What a function, a procedure or a `do` block runs: its statements, and what can't be seen of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.database.sql import tree
from scripts.database.sql.parse import Node, Statement, expression, parse, plpgsql

TARGET = re.compile(r"\s*(?P<target>[^=:]+?)\s*(?::=|=)(?P<value>.*)", re.DOTALL)
NEW = re.compile(r'new(?:\s*\.\s*(?P<column>"[^"]+"|\w+))?(?:\s*\[.*)?', re.IGNORECASE | re.DOTALL)
INTO_NEW = re.compile(r"\binto\s+(?:strict\s+)?new\b", re.IGNORECASE)
ROW_TYPE = re.compile(r'(?:[\w$]+|"[^"]+")(?:\.(?:[\w$]+|"[^"]+"))*\s*%\s*rowtype', re.IGNORECASE)
TYPE = r'(?:[\w$]+|"[^"]+")(?:\.(?:[\w$]+|"[^"]+"))*'
FIELD = re.compile(r"\b([A-Za-z_]\w*)\.\w+\s*(?::=|=)")  # `row.column :=`
LIST_OF_ROWS = re.compile(rf"(\b[A-Za-z_]\w*\s+){TYPE}\[\](?=\s*(?:;|:=|default\b))", re.IGNORECASE)
COMPOSES = "runs SQL that it composes"
ALL = "*"


@dataclass
class Body:
    """What is run.

    Args:
        text: as it was written between its quotes.
        statements: in the order of the text; expressions are queries that select them.
        assigned: for a trigger's function, the columns of `new` that it sets; `*` for any of them.
        unknown: why it can't all be seen.
    """

    text: str = ""
    statements: list[Statement] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    ends_transaction: bool = False


def body_of(statement: Statement) -> Body:
    """The body of a `create function`, `create procedure` or `do` statement."""
    language, text, atomic = _source(statement)
    body = Body(text)
    if atomic is not None:
        for kind, node in atomic:
            inner = node.get("returnval") if kind == "ReturnStmt" else None
            name, fields = kind, node
            if inner:
                name, fields = "SelectStmt", {"targetList": [{"ResTarget": {"val": inner}}]}
            body.statements.append(Statement(name, fields, statement.text, statement.first, statement.last))
    elif language == "sql":
        for each in parse(text):
            body.statements.append(each)
    elif language == "plpgsql":
        _read_plpgsql(statement, text, body)
    else:
        body.unknown.append(f"is written in {language or 'no language'}")
    return body


def _source(statement: Statement) -> tuple[str, str, list[tuple[str, Node]] | None]:
    """Its language, its text, and the statements of `begin atomic ... end` or `return`."""
    node = statement.node
    inside = node.get("sql_body")
    if inside:
        nodes = [tree.only(each) for each in _flat(inside)]
        return "sql", "", nodes
    chosen = tree.options(node.get("options") if statement.kind == "CreateFunctionStmt" else node["args"])
    language = chosen.get("language", {"String": {"sval": "plpgsql" if statement.kind == "DoStmt" else ""}})
    source = chosen.get("as") or {}
    if "List" in source:
        parts = tree.strings(source["List"].get("items"))
        text = parts[0] if parts else ""
    else:
        text = tree.only(source)[1].get("sval", "")
    return str(tree.only(language)[1].get("sval", "")).lower(), text, None


def _flat(inside: Any) -> list[Any]:
    """`sql_body` is a statement, or lists in lists of them."""
    if isinstance(inside, list):
        return [each for part in inside for each in _flat(part)]
    if "List" in inside:
        return _flat(inside["List"].get("items", []))
    return [inside]


def _read_plpgsql(statement: Statement, text: str, body: Body) -> None:
    found = plpgsql(statement.text)
    if found is None:  # the parser knows no tables: what is a row to the server is a record
        rows = {each for each in FIELD.findall(text) if each.lower() not in ("new", "old")}
        guess = ROW_TYPE.sub("record", statement.text)
        for row in rows:
            guess = re.sub(rf"(?i)(\b{row}\s+){TYPE}(?=\s*(;|:=|=|default\b))", r"\1record", guess)
        found = plpgsql(LIST_OF_ROWS.sub(r"\1text[]", guess))
    if found is None:
        body.unknown.append("can't be read as PL/pgSQL")
        return
    if INTO_NEW.search(text):
        body.assigned.add(ALL)
    waiting: list[Any] = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(reversed(each))
        elif isinstance(each, Mapping):
            waiting.extend(reversed(_follow(each, body)))


def _follow(part: Mapping[str, Any], body: Body) -> list[Any]:
    """Read one node of PL/pgSQL's tree; what is left to be read of it."""
    left = []
    for key, value in part.items():
        if key == "PLpgSQL_expr":
            _read_expression(value, body)
            continue
        if key in ("PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"):
            body.ends_transaction = True
        if key in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
            _read_composed(value.get("query"), body)
            left.append({name: each for name, each in value.items() if name != "query"})
        elif key == "dynquery":
            _read_composed(value, body)
        else:
            left.append(value)
    return left


def _read_expression(fields: Mapping[str, Any], body: Body) -> None:
    text, mode = str(fields.get("query", "")), fields.get("parseMode", 0)
    if mode == 0:
        body.statements.extend(parse(text))
        return
    target = TARGET.fullmatch(text) if mode >= 3 else None
    value = target["value"] if target else text
    query = expression(value)
    if query is None:
        body.unknown.append(f"holds an expression that can't be read: `{' '.join(text.split())[:60]}`")
        return
    body.statements.append(Statement("SelectStmt", query["SelectStmt"], text, 0, 0))
    changed = NEW.fullmatch(target["target"]) if target else None
    if changed:
        body.assigned.add((changed["column"] or ALL).strip('"'))


def _read_composed(part: Any, body: Body) -> None:
    """SQL in a string: a constant is read, anything else can't be seen."""
    text = str((part or {}).get("PLpgSQL_expr", {}).get("query", ""))
    query = expression(text)
    written = tree.constant(query) if query else None
    if written is None:
        body.unknown.append(COMPOSES)
        if query:
            body.statements.append(Statement("SelectStmt", query["SelectStmt"], text, 0, 0))
    else:
        body.statements.extend(parse(written))
