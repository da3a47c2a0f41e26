"""`Secret`, a type that is not a str and prints as `***`; and redaction of secrets in any text."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from scripts.system.encodings import encoded_forms, find_spans, incomplete_from, row_start

MASK: Final = "***"
SHORTEST: Final = 6  # characters; shorter values occur by chance, and masking them would garble every text
# What the desk's own documents are keyed by: under these keys an id, or a word of the desk's, stays.
KEYS: Final = frozenset(
    "at_step bad built_for commit commits digest ending head kind level live migrated release run schema"
    " state step task undone version versions what".split()
)
KEY_FORM: Final = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{40}|[0-9a-f]{64}|v[0-9]{1,9}|[0-9]{14}|[a-z]{2,20}(?:[.-][a-z]{2,20}){0,3}"
)


@dataclass
class _Memory:
    """The secrets that this process knows.

    Args:
        needles: the values and their encoded forms, longest first.
        owners: whose value each of them is, as far as it is known.
        unannounced: values that no CI system was told to mask yet.
    """

    values: set[str] = field(default_factory=set)
    needles: tuple[str, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)
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


def remember(value: str, owner: str = "a secret") -> None:
    """Make `redact` mask this value, each of its lines, and their encoded forms from now on.

    Args:
        owner: whose value it is, as `masked_by` will say it.
    """
    with _memory.guard:
        new = _texts(value) - _memory.values
        if not new:
            return
        _memory.values |= new
        _memory.unannounced += sorted(new)
        shapes = _shapes(new)
        _memory.owners |= dict.fromkeys(shapes, owner)
        _memory.needles = tuple(sorted(shapes.union(_memory.needles), key=len, reverse=True))


def _texts(value: str) -> set[str]:
    """What is masked of a value: the whole and each line, if they are long enough."""
    lines = {value, *(line.strip() for line in value.splitlines())}
    return {text for text in lines if len(text.strip()) >= SHORTEST}


def _shapes(texts: set[str]) -> set[str]:
    return {form for text in texts for form in encoded_forms(text) if len(form) >= SHORTEST}


def would_mask(value: str, text: str) -> bool:
    """Whether a mask of the value would change the text."""
    return any(shape in text for shape in _shapes(_texts(value)))


def masked_by(text: str) -> str | None:
    """Whose mask changes the text; None if it is shown as it is."""
    return next((_memory.owners[needle] for needle in _memory.needles if needle in text), None)


def unannounced() -> list[str]:
    """The values remembered since the last call, for a CI system that masks by itself."""
    with _memory.guard:
        values, _memory.unannounced = _memory.unannounced, []
    return values


def redact(text: str) -> str:
    """The text with every remembered secret masked, in whatever form it occurs."""
    return _masked(text, _occurrences(text))


def redacted(value: Any) -> Any:
    """The value as JSON can hold it, every text in it redacted.

    Keys stay, they are our own words; so do the ids and words under `KEYS`: a release whose commit reads
    `***` belongs to nobody.
    """
    if isinstance(value, Mapping):
        return {key: _kept(item) if key in KEYS else redacted(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in value]
    return redact(str(value))


def _kept(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_kept(item) for item in value]
    return value if isinstance(value, str) and KEY_FORM.fullmatch(value) else redacted(value)


class Redactor:
    """Redacts a text that arrives in pieces, wherever they are cut.

    Text that may be the start of a secret is held back until more arrives, at most 24 times the length
    of the longest secret; so is the last row of a table, which tells the column of what follows.
    """

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, piece: str) -> str:
        """Add a piece; returns the text that can be shown by now, redacted."""
        text, needles = self._pending + piece, _memory.needles
        cut, before = incomplete_from(text, needles), -1
        places = _occurrences(text)
        while cut != before:  # neither a secret nor a table's row is split
            before = cut
            cut = row_start(text, next((start for start, end in places if start < cut < end), cut))
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
