# pure
"""Texts of a catalogue, found again in what is said: whole, by templates, or piece by piece.

What a field of a template holds is itself translated. Nothing is evaluated.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from scripts.phrase_templates import (
    FIELD,
    NUMBER,
    SLOT,
    SPAN,
    WORD,
    Template,
    alike,
    apart,
    masking,
    unmasked,
)

PROSE = re.compile(r"(?:^|[ (])[A-Za-z][A-Za-z']+(?=$|[ ,;:.)])")  # a word; one alone may be a name
SIGNS = ";:,"
EDGES = re.compile(r"^[;:,] | ?[;:,]$|^ [;:,] ")  # how a text joins the one beside it
BRACKETS = re.compile(r"(\S.*?) (\([^()]*\)|\[[^\[\]]*\])")
FIGURE = re.compile(r"-?\d+\.\d+( ?/?(s|ms|min|h|d|kB|MB|GB|%))")
COMMIT = re.compile(r"\| [0-9a-f]{7,} ")  # a line of a plan: the subject is somebody's
COLUMNS = re.compile(r"( {2,})")
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
        return max(map(self._template, found), key=lambda each: alike(each.spans, spans)) if found else None

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
        return sorted(found, key=lambda each: (*each[0].weight, alike(each[0].spans, spans)), reverse=True)


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
        if FIGURE.fullmatch(text):
            return Said(text.replace(".", ","))
        masked, spans = masking(text)
        if not WORD.search(masked):
            return Said(text)
        template = self._phrases.whole(masked, spans)
        if template:
            return self._filled(template, masked, spans, [], depth)
        self._left -= 1
        words = PROSE.findall(masked)
        foreign = len(words) > 1 and not text.startswith("|")  # `| `: another program may have said it
        unread = Said(text, (text,)) if foreign else Said(text, (), sum(map(len, words)))
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
        elif text.startswith("| "):  # another program or a person may have said it
            said = self._parts([masked[2:]], spans, depth)[0]
            if said.known and not COMMIT.match(text):
                yield said.within("| ", "")
        elif short:
            yield from self._in_pieces(masked, spans, depth)
        yield from weak
        yield from self._of_two(masked, spans, depth)

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
            if english == ": ":  # what is behind the first one may have others
                pieces = [pieces[0], english.join(pieces[1:])][: len(pieces)]
            if len(pieces) > 1:
                said = self._parts(pieces, spans, depth)
                yield _together(said, english if _lacks(said) else french)

    def _of_two(self, masked: str, spans: Sequence[str], depth: int) -> Iterator[Said]:
        """A text with brackets behind it or around it; a number, a name or a step, and a text."""
        if len(masked) > LONGEST or masked.startswith("|") or "\n" in masked:
            return
        brackets = BRACKETS.fullmatch(masked)
        if brackets:
            yield _together(self._parts([brackets[1], brackets[2]], spans, depth), " ")
        if (masked[0], masked[-1]) in (("(", ")"), ("[", "]")):
            yield self._parts([masked[1:-1]], spans, depth)[0].within(masked[0], masked[-1])
        for first, _, rest in (masked.partition(" "), masked.rpartition(" ")):
            said = self._parts([first, rest], spans, depth) if first and rest else []
            if said and not _lacks(said) and 0 in (said[0].names, said[1].names):
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
