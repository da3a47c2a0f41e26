# pure
"""Looks into a tree of the parser: its nodes, names, types, and its text without places."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.database.sql.parse import Node

PLACES = frozenset({"location", "stmt_location", "stmt_len", "arg_location", "list_start", "list_end"})


def walk(*trees: Any) -> Iterator[tuple[str, Node]]:
    """Every node below, with its kind, in the order of the text as far as the parser keeps it."""
    waiting = list(reversed(trees))
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if len(each) == 1:
                kind, node = next(iter(each.items()))
                if kind[0].isupper() and isinstance(node, dict):
                    yield kind, node
            waiting.extend([part for part in each.values() if isinstance(part, dict | list)][::-1])
        elif isinstance(each, list | tuple):
            waiting.extend(each[::-1])


def only(node: Any) -> tuple[str, Node]:
    """The kind and the fields of a node; nothing where there is none."""
    found = list((node or {}).items())
    return found[0] if found else ("", {})


def strings(nodes: Any) -> tuple[str, ...]:
    """The texts of a list of String nodes: a name with its qualifiers."""
    found = [each["String"].get("sval", "") for each in nodes or () if "String" in each]
    return tuple(found)


def name_of(relation: Node | None) -> tuple[str, ...]:
    """The name of a RangeVar, with its schema if it was written."""
    fields = relation or {}
    return tuple(part for part in (fields.get("schemaname"), fields.get("relname")) if part)


def constant(node: Any) -> str | None:
    """The text of a string constant, also of one with a cast; None for anything else."""
    kind, fields = only(node)
    if kind == "TypeCast":
        return constant(fields.get("arg"))
    if kind == "SelectStmt":
        targets: Any = fields.get("targetList") or ()
        return constant(targets[0]["ResTarget"].get("val")) if len(targets) == 1 else None
    value = fields.get("sval") if kind == "A_Const" else None
    return str(value.get("sval", "")) if isinstance(value, Mapping) else None


def number(node: Any) -> int | None:
    """The value of an integer constant; None for anything else."""
    kind, fields = only(node)
    value = fields.get("ival") if kind == "A_Const" else None
    return int(value.get("ival", 0)) if isinstance(value, Mapping) else None


def is_null(node: Any) -> bool:
    """Whether it is the constant `null`, also with a cast."""
    kind, fields = only(node)
    return is_null(fields.get("arg")) if kind == "TypeCast" else kind == "A_Const" and "isnull" in fields


def options(nodes: Any) -> dict[str, Any]:
    """The options of a statement: name -> the node of its value, None where it has none."""
    return {
        each["DefElem"].get("defname", ""): each["DefElem"].get("arg")
        for each in nodes or ()
        if "DefElem" in each
    }


def is_on(option: Any) -> bool:
    """Whether an option of that value is on."""
    if option is None:
        return True
    kind, fields = only(option)
    word = str(fields.get("sval", fields.get("ival", fields.get("boolval", "")))).lower()
    return word not in ("off", "false", "0") and not (word == "" and kind in ("Integer", "Boolean"))


def plain(tree: Any) -> Any:
    """A tree without the places of its nodes, so that equal ones are equal."""
    if isinstance(tree, Mapping):
        return {key: plain(value) for key, value in tree.items() if key not in PLACES}
    return [plain(each) for each in tree] if isinstance(tree, list) else tree


def same(one: Any, other: Any) -> bool:
    """Whether two trees say the same, wherever they stood."""
    return bool(plain(one) == plain(other))


def digest(tree: Any) -> str:
    """A text that only equal trees share."""
    return json.dumps(plain(tree), sort_keys=True)


def columns_in(tree: Any) -> set[str]:
    """The last parts of the names of all columns in a tree."""
    names = [strings(fields.get("fields")) for kind, fields in walk(tree) if kind == "ColumnRef"]
    return {name[-1] for name in names if name}
