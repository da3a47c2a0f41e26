"""How a value may stand in somebody's text: as it is, encoded, escaped once or twice, wrapped.

Whole encodings (base64, hex) are looked for as they are; escapes (URL, JSON, HTML, shell) touch one
character and not the next, so the text is read as a decoder would read it, and each place is led back
to the raw text.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

HEX = "[0-9A-Fa-f]"
WRAP = "wrap"
# each kind of escape is read on its own: a password may hold what looks like an escape of another kind
KINDS = {
    "url": re.compile(rf"(?:%{HEX}{{2}})+"),
    "backslash": re.compile(
        rf"(?:\\x{HEX}{{2}})+"
        rf"|\\u[dD][89abAB]{HEX}{{2}}\\u[dD][c-fC-F]{HEX}{{2}}|\\u{HEX}{{4}}"
        r"|\\[abefnrtv0]|\\[^A-Za-z0-9]"
    ),
    "html": re.compile(rf"&(?:#[0-9]{{1,7}}|#[xX]{HEX}{{1,6}}|amp|lt|gt|quot|apos);"),
    "quotes": re.compile(r"""'\\''|'"'"'"""),
    WRAP: re.compile(r"(?<=\S)[ \t]*\r?\n[ \t]*(?:\| )?(?=\S)"),
}
# what may become an escape when more text comes
UNFINISHED = re.compile(
    rf"(?:(?:%{HEX}{{2}})*%{HEX}{{0,2}}"
    rf"|(?:\\x{HEX}{{2}})*\\(?:x{HEX}{{0,2}})?"
    rf"|\\u[dD][89abAB]{HEX}{{2}}(?:\\(?:u{HEX}{{0,3}})?)?|\\u{HEX}{{0,3}}"
    r"""|&[#A-Za-z0-9]{0,8}|'(?:\\'?|"'?"?)?)\Z"""
)
UNFINISHED_WRAP = re.compile(r"[ \t]*(?:\r?\n?[ \t]*(?:\| ?)?)\Z")
CONTROL = dict(zip("abefnrtv0", "\a\b\x1b\f\n\r\t\v\0", strict=True))
DEPTH = 2  # an escaped text inside an escaped text
LONGEST = 24  # characters that one character may take: an escape of an escape


@dataclass
class View:
    """A reading of a raw text.

    Args:
        places: where in `text` a new stretch begins; within it, one character is one raw character.
        origins: where each stretch begins in the raw text.
        untils: where the character before each stretch ends in the raw text.
    """

    text: str
    places: list[int] = field(default_factory=lambda: [0])
    origins: list[int] = field(default_factory=lambda: [0])
    untils: list[int] = field(default_factory=lambda: [0])

    def begin(self, place: int) -> int:
        """Where the character at `place` begins in the raw text."""
        nearest = bisect_right(self.places, place) - 1
        return self.origins[nearest] + place - self.places[nearest]

    def end(self, place: int) -> int:
        """Where the character before `place` ends in the raw text."""
        nearest = bisect_right(self.places, place) - 1
        if self.places[nearest] == place:
            return self.untils[nearest]
        return self.origins[nearest] + place - self.places[nearest]

    def rewritten(self, matches: Iterable[tuple[int, int, list[tuple[str, int]]]]) -> View:
        """A view in which each (start, end, [(character, its length here)]) is replaced."""
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

    def _copy(self, place: int, below: View, start: int, end: int) -> str:
        """Take a part of the view below as it is, with the stretches that it has there."""
        self._mark(place, below, start)
        for each in below.places[bisect_right(below.places, start) : bisect_left(below.places, end)]:
            self._mark(place + each - start, below, each)
        return below.text[start:end]

    def _mark(self, place: int, below: View, at: int) -> None:
        """From `place` on, characters are those of the view below from `at` on."""
        if self.places and self.places[-1] == place:
            self.origins[-1] = below.begin(at)
            return
        self.places.append(place)
        self.origins.append(below.begin(at))
        self.untils.append(below.end(at))


def encoded_forms(value: str) -> set[str]:
    """The value, and each encoding of the whole of it that stands as one word in a text."""
    raw = _bytes(value)
    encoded = {raw.hex(), raw.hex().upper(), value[::-1]}
    for shift, skipped in ((0, 0), (1, 2), (2, 3)):  # it may begin anywhere in a group of three bytes
        for alphabet in (b"+/", b"-_"):
            text = base64.b64encode(b"\0" * shift + raw, alphabet).decode()
            encoded.add(text[skipped : (shift + len(raw)) * 8 // 6])
    spaced = {value, value.replace(" ", "+"), value.replace("'", "''")}
    return encoded | spaced


def find_spans(text: str, needles: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the needles stand in the text, in whatever reading."""
    for view in _readings(View(text), needles):
        for needle in needles:
            start = view.text.find(needle)
            while start >= 0:
                yield view.begin(start), view.end(start + len(needle))
                start = view.text.find(needle, start + 1)


def incomplete_from(text: str, needles: Sequence[str]) -> int:
    """From where on the text must be held back: what follows may be the begin of a needle.

    Only the last part is looked at, as much as the longest needle can take.
    """
    before = max(0, len(text) - LONGEST * max(map(len, needles), default=0))
    text = text[before:]
    held = len(text)
    for view in _readings(View(text), needles, joined=True):
        size = len(view.text)
        unfinished = UNFINISHED.search(view.text, max(0, size - 4096))
        ends = {size}
        if unfinished:
            held = min(held, view.begin(unfinished.start()))
            ends.add(unfinished.start())
        ended = UNFINISHED_WRAP.search(view.text, max(0, size - 64))
        ends |= {ended.start()} if ended else set()
        held = min([held, *(_begun(view, end, needles) for end in ends)])
    return before + held


def _begun(view: View, end: int, needles: Sequence[str]) -> int:
    """Where the first needle begins that is cut off by the end of this reading; its very end if none."""
    first = end
    for needle in needles:
        at = view.text.find(needle[0], max(0, end - len(needle) + 1), first)
        while at >= 0 and not needle.startswith(view.text[at:end]):
            at = view.text.find(needle[0], at + 1, first)
        first = at if at >= 0 else first
    return view.begin(first if first < end else len(view.text))


def _readings(
    view: View, needles: Sequence[str], kinds: tuple[str, ...] = (), *, joined: bool = False
) -> Iterator[View]:
    """The text as it stands, and as decoders of one kind after the other would read it.

    Lines are joined only where that brings a needle to light (every log has lines), or if `joined`.
    """
    if not needles:
        return
    yield view
    for kind, escape in KINDS.items():
        again = kind in kinds and kind not in ("url", "backslash")
        if len(kinds) == DEPTH or again or not escape.search(view.text):
            continue
        if kind == WRAP and not joined:
            text = escape.sub("", view.text)
            if not any(needle in text for needle in needles):
                continue
        matches = (
            (each.start(), each.end(), [] if kind == WRAP else list(_characters(each[0])))
            for each in escape.finditer(view.text)
        )
        yield from _readings(view.rewritten(matches), needles, (*kinds, kind), joined=joined)


def _characters(escape: str) -> Iterator[tuple[str, int]]:
    """What an escape, or a run of them, stands for: each character with the length of its part."""
    if escape[0] == "%" or escape[:2] == "\\x":
        width = 3 if escape[0] == "%" else 4
        raw = bytes.fromhex(re.sub(r"%|\\x", "", escape))
        for character in raw.decode("utf-8", "surrogateescape"):
            yield character, width * len(_bytes(character))
    elif escape[:2] == "\\u":
        units = b"".join(int(part, 16).to_bytes(2, "big") for part in escape.split("\\u")[1:])
        yield units.decode("utf-16-be", "surrogatepass"), len(escape)
    elif escape[0] == "&":
        import html  # its table of entities is big, and most runs meet none

        yield html.unescape(escape)[:1], len(escape)
    elif escape[0] == "'":
        yield "'", len(escape)
    else:
        yield CONTROL.get(escape[1], escape[1]), len(escape)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
