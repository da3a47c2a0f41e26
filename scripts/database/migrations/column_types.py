# pure
"""Whether a column's new type holds every value of the old one, unchanged, as older code expects it."""

from __future__ import annotations

from typing import Any, Literal

from scripts.database.sql import tree
from scripts.database.sql.parse import Node

# same: nothing changes; wider: every value stays as it is; narrower: values may be cut, rounded or
# refused; other: the old type is not known, or older code sees another type.
Parts = tuple[str, tuple[int, ...], int]  # name, numbers in parentheses, depth of a list
Change = Literal["same", "wider", "narrower", "other"]

ALIASES = {
    "int": "int4", "integer": "int4", "bigint": "int8", "smallint": "int2", "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8", "serial8": "int8", "smallserial": "int2", "serial2": "int2", "decimal": "numeric",
    "character varying": "varchar", "character": "bpchar", "char": "bpchar", "boolean": "bool",
    "real": "float4", "double precision": "float8", "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp", "bit varying": "varbit",
}  # fmt: skip
WHOLE_NUMBERS = ("int2", "int4", "int8")
LENGTHS = ("varchar", "varbit")  # without a number they hold any length
ORDER = (  # to a type further right, a value keeps its meaning, but may look different
    (*WHOLE_NUMBERS, "numeric", "text"),
    ("float4", "float8"),
    ("date", "timestamp"),
    ("date", "timestamptz"),
    ("bool", "text"),
    ("bpchar", "varchar", "text"),
    ("uuid", "text"),
    ("date", "text"),
    ("timestamptz", "text"),
    ("timestamp", "text"),
    ("inet", "text"),
    ("numeric", "text"),
)


def change(old: Node | None, new: Node | None) -> Change:
    """What the step from one TypeName to another means."""
    if old is None or new is None:
        return "other"
    before, after = _parts(old), _parts(new)
    if before == after:
        return "same"
    if before[2] != after[2]:  # one is a list, the other is none
        return "other"
    if before[0] == after[0]:
        return _precision(after[0], before[1], after[1])
    return _conversion(before, after, known=_is_built_in(old) and _is_built_in(new))


def _conversion(before: Parts, after: Parts, *, known: bool) -> Change:
    """From one type to another."""
    if before[0] in WHOLE_NUMBERS and after[0] in WHOLE_NUMBERS:
        return "wider" if WHOLE_NUMBERS.index(after[0]) > WHOLE_NUMBERS.index(before[0]) else "narrower"
    if {before[0], after[0]} == {"varchar", "text"}:
        return "narrower" if after[1] else "wider"
    if any(_follows(row, before[0], after[0]) for row in ORDER):
        return "narrower" if after[1] and after[0] not in ("timestamp", "timestamptz") else "other"
    return "narrower" if known else "other"


def title(type_name: Node | None) -> str:
    """The type for people."""
    name, numbers, depth = _parts(type_name or {})
    shown = f"{name}({', '.join(map(str, numbers))})" if numbers else name
    return shown + "[]" * depth


def _parts(type_name: Node) -> Parts:
    """The name is in PostgreSQL's own spelling."""
    names = tree.strings(type_name.get("names"))
    word = names[-1] if names else ""
    numbers = tuple(_number(each) for each in type_name.get("typmods") or ())
    if word == "bpchar" and not numbers:
        numbers = (1,)
    qualified = ".".join(names[:-1])
    own = qualified in ("", "pg_catalog", "public")
    name = ALIASES.get(word, word)
    return (name if own else f"{qualified}.{name}"), numbers, len(type_name.get("arrayBounds") or ())


def _number(node: Any) -> int:
    found = tree.number(node)
    return -1 if found is None else found


def _precision(name: str, old: tuple[int, ...], new: tuple[int, ...]) -> Change:
    """The same type with other numbers."""
    if not new and name in (*LENGTHS, "numeric", "timestamp", "timestamptz", "time", "interval"):
        return "wider"
    if not old or not new:
        return "narrower" if name in (*LENGTHS, "numeric", "timestamp", "timestamptz", "time") else "other"
    if name == "numeric":
        scales = [each[1] if len(each) > 1 else 0 for each in (old, new)]
        if scales[1] < scales[0] or new[0] - scales[1] < old[0] - scales[0]:
            return "narrower"
        return "wider" if scales[1] == scales[0] else "other"  # 1.25 would be shown as 1.2500
    if name in (*LENGTHS, "timestamp", "timestamptz", "time"):
        return "wider" if new[0] >= old[0] else "narrower"
    return "narrower" if new[0] < old[0] else "other"


def _follows(row: tuple[str, ...], old: str, new: str) -> bool:
    return old in row and new in row and row.index(old) < row.index(new)


def _is_built_in(type_name: Node) -> bool:
    names = tree.strings(type_name.get("names"))
    known = {word for row in ORDER for word in row} | {
        "time",
        "json",
        "jsonb",
        "bytea",
        "interval",
        "varbit",
    }
    return bool(names) and ALIASES.get(names[-1], names[-1]) in known
