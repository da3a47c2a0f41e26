# pure
"""Texts of a catalogue, found again in what is said: whole, by templates, or piece by piece.

A template is an English text with fields: `{name}: the hold is released`. What stands in backticks or
double quotes is data and is copied, so two templates can't differ in it alone; what a field holds is itself
translated. Nothing is evaluated, and no pattern goes back over what it has read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

SPAN = re.compile(r'`[^`\n]*`|"[^"\n]*"')  # data: never translated
TICKS, QUOTES = "\ue000", "\ue001"  # in place of a span
SLOT = re.compile(f"[{TICKS}{QUOTES}]")
FIELD = re.compile(r"\{([a-z][a-z_0-9]*)\}")
WORD = re.compile(r"[A-Za-z]+")
KEY = re.compile(r"(?<![A-Za-z\x01])[A-Za-z]+(?![A-Za-z\x01])")
PROSE = re.compile(r"(?:^|[ (])[A-Za-z][A-Za-z']+(?=$|[ ,;:.)])")  # a word; one alone may be a name
SIGNS = ";:,"
EDGES = re.compile(r"^[;:,] | ?[;:,]$|^ [;:,] ")  # how a text joins the one beside it
BRACKETS = re.compile(r"(\S.*?) (\([^()]*\)|\[[^\[\]]*\])")
OPENS, CLOSES = re.compile(r"[(\[]"), re.compile(r"[)\]]")
COLUMNS = re.compile(r"( {2,})")
NUMERIC = re.compile(r"-?\d[\d.,]*(e[-+]\d+)?%?|inf|nan")
NUMBER = "_n"  # how the name of a field ends that holds a number: its decimal mark is the reader's
STRONG = 8  # letters; a template with fewer is taken only if all that its fields hold is known
LONGEST = 4_000  # characters of a line that is taken apart; a longer one was said by another program
TRIED = 8  # templates for one text
MOST = 600  # texts within one text that are taken apart
DEEPEST = 12  # fields within fields
# between pieces of a text, and in French
SEPARATORS = (
    ("; ", " ; "),
    (" -> ", " -> "),
    (": ", " : "),
    (", ", ", "),
    (" and ", " et "),
    (" or ", " ou "),
)


class Said(NamedTuple):
    """A text in French.

    Args:
        lacks: those of its parts that have no translation.
        names: letters of single words that have none: a name, or a word that is not known.
    """

    text: str
    lacks: tuple[str, ...] = ()
    names: int = 0

    @property
    def known(self) -> bool:
        """All of it has a translation."""
        return not self.lacks

    @property
    def foreign(self) -> tuple[int, int]:
        """How much of it is not French, to choose between two readings."""
        return sum(map(len, self.lacks)), self.names

    def within(self, before: str, after: str) -> Said:
        """With what stands before and behind it."""
        return self._replace(text=f"{before}{self.text}{after}")


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

    def values(self, masked: str) -> list[tuple[int, int]] | None:
        """Where the values of its fields are in a text; None if it does not match."""
        first, *rest = self.pieces
        if not masked.startswith(first) or (not rest and len(masked) != len(first)):
            return None
        at, found = len(first), []
        for piece in rest[:-1]:
            place = masked.find(piece, at)
            if place < 0:
                return None
            found.append((at, place))
            at = place + len(piece)
        if rest:
            end = len(masked) - len(rest[-1])
            if end < at or not masked.endswith(rest[-1]):
                return None
            found.append((at, end))
        numeric = all(
            NUMERIC.fullmatch(masked, *place)
            for name, place in zip(self.fields, found, strict=True)
            if name.endswith(NUMBER)
        )
        return found if numeric else None


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


class Phrases:
    """A catalogue that translates.

    Args:
        catalogue: English texts with their French ones; an empty one is not translated yet.
        missed: told of each text that has no translation.
    """

    def __init__(
        self, catalogue: Mapping[str, str], missed: Callable[[str], None] = lambda _: None
    ) -> None:
        self._missed = missed
        self._french: dict[str, str] = {}
        self._whole: dict[str, list[str]] = defaultdict(list)  # by the text without its spans
        self._by_word: dict[str, list[str]] = defaultdict(list)
        for english, french in catalogue.items():
            if french:
                self._learn(english, french)
        for english, french in list(self._french.items()):
            if english[0] in SIGNS or english[-1] in SIGNS:  # where it stands alone: ", and so on"
                bare = EDGES.sub("", english)
                if bare not in self._french:
                    self._learn(bare, EDGES.sub("", french))
        self._template = lru_cache(maxsize=None)(lambda each: Template.of(each, self._french[each]))

    def _learn(self, english: str, french: str) -> None:
        self._french[english] = french
        if not FIELD.search(SPAN.sub("", english)):
            self._whole[masking(english)[0]].append(english)
        elif key := Template.key(english):
            self._by_word[key].append(english)

    def translate(self, text: str) -> str:
        """The text in French, as far as it is known."""
        if SLOT.search(text):
            return text
        said = _Reading(self).said(text, 0)
        for each in said.lacks:
            self._missed(each)
        return said.text

    def knows(self, masked: str) -> bool:
        """Whether it is a text of the catalogue, without fields."""
        return masked in self._whole

    def whole(self, masked: str, spans: Sequence[str]) -> Template | None:
        """The text without fields that is this one; of several, the one with the same spans."""
        found = self._whole.get(masked)
        return (
            max(map(self._template, found), key=lambda each: _alike(each.spans, spans)) if found else None
        )

    def matching(self, masked: str, spans: Sequence[str]) -> list[tuple[Template, list[tuple[int, int]]]]:
        """The templates that match, with the places of their values; those that say most come first."""
        said, columns = masked.startswith("|"), "  " in masked
        found = [
            (template, values)
            for word in set(WORD.findall(masked))
            for template in map(self._template, self._by_word.get(word, ()))
            if (values := template.values(masked)) is not None
            and (not said or template.pieces[0].startswith("|"))
            and (not columns or "\n" in masked or any("  " in piece for piece in template.pieces))
        ]
        return sorted(found, key=lambda each: (each[0].letters, _alike(each[0].spans, spans)), reverse=True)


class _Reading:
    """One text that is read. What has been read of it is not read again, and there is an end to trying."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases
        self._known: dict[str, Said] = {}
        self._left = MOST

    def said(self, text: str, depth: int) -> Said:
        """The text in French, with the blanks around it."""
        core = text.strip()
        if len(core) < 2:
            return Said(text)
        said = self._known.get(core)
        if said is None:
            said = self._known[core] = self._made(core, depth)
        start = text.index(core)
        return said.within(text[:start], text[start + len(core) :])

    def _made(self, text: str, depth: int) -> Said:
        masked, spans = masking(text)
        if not WORD.search(masked):
            return Said(text)
        template = self._phrases.whole(masked, spans)
        if template:
            return self._filled(template, masked, spans, [], depth)
        self._left -= 1
        words = [] if text.startswith("|") else PROSE.findall(masked)
        unread = Said(text, (text,)) if len(words) > 1 else Said(text, (), sum(map(len, words)))
        best = None
        if depth < DEEPEST and self._left > 0:
            for said in self._tries(text, masked, spans, depth + 1):
                if said.foreign == (0, 0):
                    return said
                best = min(best or said, said, key=lambda each: each.foreign)
        return best if best and best.foreign <= unread.foreign else unread

    def _tries(self, text: str, masked: str, spans: Sequence[str], depth: int) -> Iterator[Said]:
        """By templates that say much; line by line, or piece by piece; by templates that say little."""
        short = len(masked) <= LONGEST
        weak: list[Said] = []
        for template, values in self._phrases.matching(masked, spans)[: TRIED if short else 1]:
            said = self._filled(template, masked, spans, values, depth)
            if template.letters >= STRONG or template.pieces[0].endswith(": "):
                yield said
            elif said.known:  # else it could join words that are foreign to each other
                weak.append(said)
        if "\n" in text:
            yield _together([self.said(line, depth) for line in text.split("\n")], "\n")
        elif short and not text.startswith("|"):  # `| `: another program or a person said it
            yield from self._in_pieces(masked, spans, depth)
        yield from weak

    def _filled(
        self,
        template: Template,
        masked: str,
        spans: Sequence[str],
        values: Sequence[tuple[int, int]],
        depth: int,
    ) -> Said:
        """The French text with the values and spans of this one."""
        held: dict[str | int, Said] = {}
        slots, own = 0, 0
        for piece, name, (start, end) in zip(
            template.pieces, (*template.fields, ""), (*values, (len(masked),) * 2), strict=True
        ):
            for _ in SLOT.findall(piece):
                held[own] = Said(spans[slots])
                own, slots = own + 1, slots + 1
            value = masked[start:end]
            inside = len(SLOT.findall(value))
            if name:
                held[name] = self._value(name, unmasked(value, spans[slots : slots + inside]), depth)
            slots += inside
        text = "".join(held[each].text if kind != "text" else str(each) for kind, each in template.french)
        return _together([*held.values()], "")._replace(text=text)

    def _value(self, name: str, value: str, depth: int) -> Said:
        if name.endswith(NUMBER):
            return Said(value.replace(".", ",").replace("%", " %"))
        return self.said(value, depth)

    def _in_pieces(self, masked: str, spans: Sequence[str], depth: int) -> Iterator[Said]:
        """Columns, lists, what stands before a colon or in brackets, a number of things."""
        if "  " in masked:
            yield self._columns(masked, spans, depth)
            return
        for english, french in SEPARATORS:
            pieces = apart(masked, english)
            if len(pieces) > 1:
                said = self._parts(pieces, spans, depth)
                yield _together(said, english if _lacks(said) else french)
        brackets = BRACKETS.fullmatch(masked)
        if brackets:
            yield _together(self._parts([brackets[1], brackets[2]], spans, depth), " ")
        if (masked[0], masked[-1]) in (("(", ")"), ("[", "]")):
            yield self._parts([masked[1:-1]], spans, depth)[0].within(masked[0], masked[-1])
        first, _, rest = masked.partition(" ")
        alone = not first.isalpha() and first[-1] not in SIGNS  # the number of things, a commit
        if rest and (alone or self._phrases.knows(first)):
            said = self._parts([first, rest], spans, depth)
            if not _lacks(said):
                yield _together(said, " ")

    def _columns(self, masked: str, spans: Sequence[str], depth: int) -> Said:
        """Texts with gaps of several blanks between them: where the next one begins stays as it is."""
        parts = COLUMNS.split(masked)
        said = self._parts(parts[::2], spans, depth)
        given = iter(spans)
        widths = [len(SLOT.sub(lambda _: next(given), part)) for part in parts[::2]]
        text = said[0].text
        for gap, before, width, part in zip(parts[1::2], said, widths, said[1:], strict=False):
            text += " " * max(1, len(gap) + width - len(before.text)) + part.text
        return _together(said, "")._replace(text=text)

    def _parts(self, parts: Sequence[str], spans: Sequence[str], depth: int) -> list[Said]:
        said, at = [], 0
        for part in parts:
            slots = len(SLOT.findall(part))
            said.append(self.said(unmasked(part, spans[at : at + slots]), depth))
            at += slots
        return said


def _together(parts: Sequence[Said], separator: str) -> Said:
    text = separator.join(part.text for part in parts)
    return Said(text, _lacks(parts), sum(part.names for part in parts))


def _lacks(parts: Sequence[Said]) -> tuple[str, ...]:
    return tuple(each for part in parts for each in part.lacks)


def _alike(known: Sequence[str], spans: Sequence[str]) -> int:
    """How many spans of a template stand in the text as well."""
    return len({*known} & {*spans})
