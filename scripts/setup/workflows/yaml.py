# pure
"""Writes YAML: mappings, lists, texts, comments and pinned actions, in the order given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

PLAIN = re.compile(r"[A-Za-z0-9_./$][\w ./$@{}()'|&=!<>-]*")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "~"}


class Pin(NamedTuple):
    """An action at a commit; its version is a comment, which update tools read."""

    action: str
    commit: str
    version: str


class Comment(str):
    """A line of a mapping that is a comment; its key is not written."""

    __slots__ = ()


def dump(document: Mapping[str, object]) -> str:
    """The document as YAML."""
    return "\n".join(_mapping(document, "")) + "\n"


def _mapping(value: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, each in value.items():
        if isinstance(each, Comment):
            yield f"{indent}# {each}"
        elif isinstance(each, Mapping) and each:
            yield f"{indent}{key}:"
            yield from _mapping(each, f"{indent}  ")
        elif isinstance(each, Sequence) and not isinstance(each, (str, Pin)) and _nested(each):
            yield f"{indent}{key}:"
            yield from _items(each, f"{indent}  ")
        elif isinstance(each, str) and "\n" in each:
            yield f"{indent}{key}: |"
            yield from (f"{indent}  {line}".rstrip() for line in each.rstrip("\n").split("\n"))
        else:
            yield f"{indent}{key}:{_scalar(each)}"


def _nested(value: Sequence[object]) -> bool:
    return any(isinstance(each, Mapping) for each in value)


def _items(value: Sequence[object], indent: str) -> Iterator[str]:
    for each in value:
        lines = list(_mapping(each if isinstance(each, Mapping) else {}, f"{indent}  "))
        yield f"{indent}- {lines[0].strip()}"
        yield from lines[1:]


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Pin):
        return f" {value.action}@{value.commit} # {value.version}"
    if isinstance(value, bool):
        return f" {str(value).lower()}"
    if isinstance(value, Mapping):
        return " {}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f" [{', '.join(_scalar(each).strip() for each in value)}]"
    text = str(value)
    plain = isinstance(value, int) or (
        PLAIN.fullmatch(text)
        and text.lower() not in WORDS
        and not text.endswith(" ")
        and not text.isdigit()
    )
    return f" {text if plain else json.dumps(text, ensure_ascii=False)}"
