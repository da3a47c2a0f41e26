# pure
"""A decoded text whose characters know where they stand in the raw text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class View:
    """A decoded text, with the positions of its characters in the raw text.

    Args:
        places: where in `text` each segment starts; within one, a character is one raw character.
        starts: where each segment starts in the raw text.
        ends: where the character before each segment ends in the raw text.
    """

    text: str
    places: list[int] = field(default_factory=lambda: [0])
    starts: list[int] = field(default_factory=lambda: [0])
    ends: list[int] = field(default_factory=lambda: [0])

    def start(self, place: int) -> int:
        """Where the character at `place` starts in the raw text."""
        nearest = bisect_right(self.places, place) - 1
        return self.starts[nearest] + place - self.places[nearest]

    def end(self, place: int) -> int:
        """Where the character before `place` ends in the raw text."""
        nearest = bisect_right(self.places, place) - 1
        if self.places[nearest] == place:
            return self.ends[nearest]
        return self.starts[nearest] + place - self.places[nearest]

    def rewritten(self, matches: Iterable[tuple[int, int, list[tuple[str, int]]]]) -> View:
        """A view in which each (start, end, [(character, its length in this text)]) is replaced."""
        parts: list[str] = []
        new, at, length = View("", [], [], []), 0, 0
        for start, end, characters in matches:
            parts.append(new._copy(length, self, at, start))
            length, at = length + start - at, start
            for character, width in characters:
                new._mark(length, self, at)
                parts.append(character)
                length, at = length + len(character), at + width
            new._mark(length, self, at)
            at = end
        parts.append(new._copy(length, self, at, len(self.text)))
        new.text = "".join(parts)
        new._mark(len(new.text), self, len(self.text))
        return new

    def over(self, below: View) -> View:
        """The same view with its places, which are those of `below`'s text, in the raw text."""
        starts = [below.start(start) for start in self.starts]
        return View(self.text, self.places, starts, [below.end(end) for end in self.ends])

    def _copy(self, place: int, below: View, start: int, end: int) -> str:
        """The text of `below` from `start` to `end`; its segments are added from `place` on."""
        self._mark(place, below, start)
        for segment in below.places[bisect_right(below.places, start) : bisect_left(below.places, end)]:
            self._mark(place + segment - start, below, segment)
        return below.text[start:end]

    def _mark(self, place: int, below: View, at: int) -> None:
        """Start a segment at `place`: its characters are those of `below` from `at` on."""
        if self.places and self.places[-1] == place:
            self.starts[-1] = below.start(at)
            return
        self.places.append(place)
        self.starts.append(below.start(at))
        self.ends.append(below.end(at))


def as_bytes(text: str) -> bytes:
    """The text in UTF-8; what `surrogateescape` left of half a character as the byte that it was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
