# pure
"""A parsed table as a frozen section: the fields of its class are the keys; each fault has its path."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

Section = TypeVar("Section")

KINDS: dict[object, tuple[str, Callable[[Any], bool]]] = {
    str: ("a string", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    float: (
        "a number above 0",
        lambda value: (
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
        ),
    ),
    int: (
        "a whole number, 0 or more",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    ),
    tuple[str, ...]: (
        "a list of strings",
        lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    ),
}


def section(kind: type[Section], table: object, path: str, faults: list[str], **given: str) -> Section:
    """One table as its class; each fault noted, the default standing in for a faulty value."""
    if not isinstance(table, Mapping):
        faults.append(f"`{path}` should be a table")
        table = {}
    types = {name: each for name, each in _types(cast("Any", kind)).items() if name not in given}
    faults.extend(unknown(key, list(types), f"{path}.") for key in table if key not in types)
    values: dict[str, Any] = dict(given)
    for name, each in types.items():
        needed = name not in cast("Any", kind)._field_defaults
        before = len(faults)
        if name in table:
            value = _value(each, table[name], f"{path}.{name}", faults)
            if len(faults) == before:
                values[name] = value
        elif needed:
            faults.append(f"`{path}.{name}` is missing: it should be {KINDS[each][0]}")
        if needed:
            values.setdefault(name, "")
    return kind(**values)


def is_section(kind: object) -> bool:
    """Whether it is the class of a section: a named tuple."""
    return hasattr(kind, "_field_defaults")


@cache
def _types(kind: Any) -> dict[str, Any]:
    """What each field holds; worked out once for all tables of a class."""
    return get_type_hints(kind)


def _value(kind: Any, value: object, path: str, faults: list[str]) -> Any:
    """One value: a plain one, a table, a table of tables by name, or a list of tables."""
    if is_section(kind):
        return section(cast("type[Any]", kind), value, path, faults)
    if get_origin(kind) is Literal:
        return _one_of(get_args(kind), value, path, faults)
    if kind in KINDS:
        wanted, fits = KINDS[kind]
        if not fits(value):
            faults.append(f"`{path}` should be {wanted}")
        return tuple(value) if isinstance(value, list) else value
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        return _listed(inner[0], value, path, faults)
    if not isinstance(value, Mapping):
        faults.append(f"`{path}` should be a table")
        return {}
    return {name: _value(inner[1], each, f"{path}.{name}", faults) for name, each in value.items()}


def _listed(kind: Any, value: object, path: str, faults: list[str]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        faults.append(f"`{path}` should be a list of tables")
        return ()
    return tuple(_value(kind, each, f"{path}[{n}]", faults) for n, each in enumerate(value))


def _one_of(choices: tuple[str, ...], value: object, path: str, faults: list[str]) -> object:
    if not isinstance(value, str):
        faults.append(f"`{path}` should be {KINDS[str][0]}")
    elif value not in choices:
        faults.append(f"`{path}` should be {' or '.join(f'`{each}`' for each in choices)}")
    return value


def unknown(key: str, known: list[str], prefix: str) -> str:
    """The fault of a key that is none, with the nearest one that is."""
    near = difflib.get_close_matches(key, known, n=1)
    guess = f": did you mean `{prefix}{near[0]}`?" if near else ""
    return f"`{prefix}{key}` is no key of this file{guess}"
