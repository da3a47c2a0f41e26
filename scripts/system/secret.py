"""`Secret`, a type that is not a str and prints as `***`; and redaction of secrets in any text."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from scripts.system.encodings import encoded_forms, find_spans, incomplete_from

MASK: Final = "***"
SHORTEST: Final = 6  # characters; shorter values occur by chance, and masking them would garble every text


@dataclass
class _Memory:
    """The secrets that this process knows.

    Args:
        needles: the values and their encoded forms, longest first.
        unannounced: values that no CI system was told to mask yet.
    """

    values: set[str] = field(default_factory=set)
    needles: tuple[str, ...] = ()
    unannounced: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)


_memory = _Memory()


class Secret:
    """A value that printing, formatting, logging and JSON show as the mask only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The value itself. Review every caller of this."""
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
    """Make `redact` mask this value, each of its lines, and their encoded forms from now on."""
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
    """The values remembered since the last call, for a CI system that masks by itself."""
    with _memory.guard:
        values, _memory.unannounced = _memory.unannounced, []
    return values


def redact(text: str) -> str:
    """The text with every remembered secret masked, in whatever form it occurs."""
    return _masked(text, _occurrences(text))


def redacted(value: Any) -> Any:
    """The value as JSON can hold it, every text in it redacted; keys stay, they are our own words."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in value]
    return redact(str(value))


class Redactor:
    """Redacts a text that arrives in pieces, wherever they are cut.

    Text that may be the start of a secret is held back until more arrives, at most 24 times the length
    of the longest secret.
    """

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, piece: str) -> str:
        """Add a piece; returns the text that can be shown by now, redacted."""
        text, needles = self._pending + piece, _memory.needles
        cut = incomplete_from(text, needles)
        places = _occurrences(text)
        cut = next((start for start, end in places if start < cut < end), cut)
        self._pending = text[cut:]
        return _masked(text[:cut], [(start, end) for start, end in places if end <= cut])

    def close(self) -> str:
        """The rest of the text, redacted."""
        text, self._pending = self._pending, ""
        return redact(text)


def _occurrences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each secret in the text, in order; overlapping ones are merged."""
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
