"""A secret is a type that is not a str and prints as `***`; what leaks anyway is redacted."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from scripts.system.encodings import encoded_forms, find_spans, incomplete_from

MASK: Final = "***"
SHORTEST: Final = 6  # shorter values occur by chance; replacing them would garble every text


@dataclass
class _Memory:
    """All that one process has to keep to itself: values, what they may look like, and who was told."""

    values: set[str] = field(default_factory=set)
    needles: tuple[str, ...] = ()
    unannounced: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)


_memory = _Memory()


class Secret:
    """Wraps a value so that printing, formatting, logging and JSON show only the mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The value itself. Every caller of this is a place to review."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


def remember(value: str) -> None:
    """Have `redact` mask this value from now on, each of its lines, and their encoded forms."""
    lines = {value, *(line.strip() for line in value.splitlines())}
    with _memory.guard:
        new = {text for text in lines if len(text.strip()) >= SHORTEST} - _memory.values
        if not new:
            return
        _memory.values |= new
        _memory.unannounced += sorted(new)
        shapes = {form for text in new for form in encoded_forms(text) if len(form) >= SHORTEST}
        _memory.needles = tuple(sorted(shapes.union(_memory.needles), key=len, reverse=True))


def unannounced() -> list[str]:
    """The values that came to be known since the last call: for a CI system that masks by itself."""
    with _memory.guard:
        values, _memory.unannounced = _memory.unannounced, []
    return values


def redact(text: str) -> str:
    """The text with every known secret masked, in whatever form it stands there."""
    return _masked(text, _merged(text))


def redacted(value: Any) -> Any:
    """What JSON can hold, with every text in it redacted; keys are our own words."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(each) for each in value]
    return redact(str(value))


class Redactor:
    """Redacts a text that comes in pieces, wherever they are cut.

    What may be the begin of a secret is held back until more comes, at most 24 times the longest one.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The part that can be shown by now."""
        text, needles = self._held + piece, _memory.needles
        cut = incomplete_from(text, needles)
        found = _merged(text)
        cut = next((start for start, end in found if start < cut < end), cut)
        self._held = text[cut:]
        return _masked(text[:cut], [each for each in found if each[1] <= cut])

    def close(self) -> str:
        """The rest: nothing more will come."""
        text, self._held = self._held, ""
        return redact(text)


def _merged(text: str) -> list[tuple[int, int]]:
    """Where secrets stand, in order; those that overlap are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(find_spans(text, _memory.needles)):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _masked(text: str, places: list[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, end in places:
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]])
