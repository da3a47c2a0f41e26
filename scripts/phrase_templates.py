# pure
"""A template: an English text with fields, which is found again in what is said, with its French.

What stands in backticks or double quotes is data: a slot stands in its place, and it is copied. No pattern
goes back over what it has read, so a long text takes long only in proportion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SPAN = re.compile(r'`[^`\n]*`|"[^"\n]*"')  # data: never translated
TICKS, QUOTES = "\ue000", "\ue001"  # in place of a span
SLOT = re.compile(f"[{TICKS}{QUOTES}]")
FIELD = re.compile(r"\{([a-z][a-z_0-9]*)\}")
NUMBER = "_n"  # how the name of a field ends that holds a number: its decimal mark is the reader's
NUMERIC = re.compile(r"[-+]?\d[\d.,]*(e[-+]\d+)?%?|inf|nan")
WORD = re.compile(r"[A-Za-z]+")
OPENS, CLOSES = re.compile(r"[(\[]"), re.compile(r"[)\]]")
KEY = re.compile(r"(?<![A-Za-z\x01])[A-Za-z]+(?![A-Za-z\x01])")


class Template(NamedTuple):
    """A text with fields.

    Args:
        pieces: what stands between its fields, with a slot for each span.
        fields: their names, one fewer than pieces.
        spans: of the pieces, in order.
        french: pieces of the French text: a text, the name of a field, or the number of a span.
    """

    pieces: tuple[str, ...]
    fields: tuple[str, ...]
    spans: tuple[str, ...]
    french: tuple[tuple[str, str | int], ...]

    @classmethod
    def of(cls, english: str, french: str) -> Template:
        """The template of an entry of the catalogue."""
        masked, spans = masking(english)
        parts = FIELD.split(masked)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), tuple(spans), tuple(_french(french, spans)))

    @classmethod
    def key(cls, english: str) -> str:
        """The longest word that is a whole word in every text that the template matches; "" for none."""
        return max(KEY.findall(FIELD.sub("\x01", SPAN.sub(" ", english))), key=len, default="")

    @property
    def letters(self) -> int:
        """How many letters must be there."""
        return sum(len(word) for piece in self.pieces for word in WORD.findall(piece))

    @property
    def weight(self) -> tuple[int, int]:
        """How much must be there: letters, and numbers."""
        return self.letters, sum(name.endswith(NUMBER) for name in self.fields)

    def values(self, masked: str) -> list[tuple[int, int]] | None:
        """Where the values of its fields are in a text; None if it does not match."""
        first, *middle, last = self.pieces
        at, end = len(first), len(masked) - len(last)
        if end < at or not (masked.startswith(first) and masked.endswith(last)):
            return None
        found = self._numeric(masked, _from_left(masked, middle, at, end))
        return found or (self._numeric(masked, _from_right(masked, middle, at, end)) if middle else None)

    def _numeric(self, masked: str, found: list[tuple[int, int]] | None) -> list[tuple[int, int]] | None:
        """These values, if the fields for numbers hold numbers."""
        for name, place in zip(self.fields, found or (), strict=bool(found)):
            if name.endswith(NUMBER) and not NUMERIC.fullmatch(masked, *place):
                return None
        return found


def _from_left(masked: str, pieces: Sequence[str], at: int, end: int) -> list[tuple[int, int]] | None:
    """What stands between the pieces, each of which is taken where it comes first."""
    found = []
    for piece in pieces:
        place = masked.find(piece, at, end)
        if place < 0:
            return None
        found.append((at, place))
        at = place + len(piece)
    return [*found, (at, end)]


def _from_right(masked: str, pieces: Sequence[str], at: int, end: int) -> list[tuple[int, int]] | None:
    """What stands between the pieces, each of which is taken where it comes last."""
    found = []
    for piece in reversed(pieces):
        place = masked.rfind(piece, at, end)
        if place < 0:
            return None
        found.append((place + len(piece), end))
        end = place
    return [(at, end), *reversed(found)]


def masking(text: str) -> tuple[str, list[str]]:
    """The text with a slot in place of each span, and the spans."""
    spans = SPAN.findall(text)
    return SPAN.sub(lambda span: TICKS if span[0][0] == "`" else QUOTES, text) if spans else text, spans


def unmasked(masked: str, spans: Sequence[str]) -> str:
    """The text that `masking` took apart."""
    given = iter(spans)
    return SLOT.sub(lambda _: next(given), masked) if spans else masked


def apart(masked: str, separator: str) -> list[str]:
    """The pieces between a separator that stands outside of brackets."""
    pieces: list[str] = []
    inside = 0
    for piece in masked.split(separator):
        if inside > 0:
            pieces[-1] += separator + piece
        else:
            pieces.append(piece)
        inside += len(OPENS.findall(piece)) - len(CLOSES.findall(piece))
    return pieces


def _french(french: str, spans: Sequence[str]) -> Iterator[tuple[str, str | int]]:
    """Its pieces; a span is the one of the English text with the same words."""
    masked, own = masking(french)
    left, ours = list(enumerate(spans)), iter(own)
    for place, part in enumerate(FIELD.split(masked)):
        if place % 2:
            yield "field", part
            continue
        for text in re.split(f"([{TICKS}{QUOTES}])", part):
            if text not in (TICKS, QUOTES):
                yield "text", text
                continue
            span = next(ours)
            number = next((number for number, each in left if each == span), None)
            if number is None:
                yield "text", span
            else:
                left.remove((number, span))
                yield "span", number


def alike(known: Sequence[str], spans: Sequence[str]) -> int:
    """How many spans of a template stand in the text as well."""
    return len({*known} & {*spans})
