"""A parsed table as a frozen section: the fields of its class are the keys; each fault has its path."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

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
    types = _types(cast("Any", kind))
    fields = {each.name: each for each in dataclasses.fields(cast("Any", kind)) if each.name not in given}
    faults.extend(unknown(key, list(fields), f"{path}.") for key in table if key not in fields)
    values: dict[str, Any] = dict(given)
    for name, spec in fields.items():
        needed = spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
        before = len(faults)
        if name in table:
            value = _value(types[name], table[name], f"{path}.{name}", faults)
            choices = spec.metadata.get("one_of")
            if len(faults) == before and choices and value not in choices:
                faults.append(f"`{path}.{name}` should be {' or '.join(f'`{c}`' for c in choices)}")
            if len(faults) == before:
                values[name] = value
        elif needed:
            faults.append(f"`{path}.{name}` is missing: it should be {KINDS[types[name]][0]}")
        if needed:
            values.setdefault(name, "")
    return kind(**values)


@cache
def _types(kind: type[object]) -> dict[str, Any]:
    """What each field holds; worked out once for all tables of a class."""
    return get_type_hints(kind)


def _value(kind: Any, value: object, path: str, faults: list[str]) -> Any:
    """One value: a plain one, a table, a table of tables by name, or a list of tables."""
    if dataclasses.is_dataclass(kind):
        return section(cast("type[Any]", kind), value, path, faults)
    if kind in KINDS:
        wanted, fits = KINDS[kind]
        if not fits(value):
            faults.append(f"`{path}` should be {wanted}")
        return tuple(value) if isinstance(value, list) else value
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            faults.append(f"`{path}` should be a list of tables")
            return ()
        return tuple(_value(inner[0], each, f"{path}[{n}]", faults) for n, each in enumerate(value))
    if not isinstance(value, Mapping):
        faults.append(f"`{path}` should be a table")
        return {}
    return {name: _value(inner[1], each, f"{path}.{name}", faults) for name, each in value.items()}


def unknown(key: str, known: list[str], prefix: str) -> str:
    """The fault of a key that is none, with the nearest one that is."""
    near = difflib.get_close_matches(key, known, n=1)
    guess = f": did you mean `{prefix}{near[0]}`?" if near else ""
    return f"`{prefix}{key}` is no key of this file{guess}"
