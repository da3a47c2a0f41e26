# pure
"""Cuts SQL into statements and blanks what is quoted, so that rules can look at bare words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Quoted names stay names, in one word; strings and dollar quotes become `''` and `$$`.
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\ufeff)
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<escape>[eE]'(?:\\.|''|[^'\\])*(?:'|\Z))
    | (?P<text>(?:[uU]&|[bBxXnN])?'(?:''|[^'])*(?:'|\Z))
    | (?P<name>(?:[uU]&)?"(?:""|[^"])*(?:"|\Z))
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<end>;)
    | (?P<other>[0-9][\w.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_MARK = re.compile(r"/\*|\*/")
_ROUTINE = re.compile(r"create (or replace )?(function|procedure) ")


@dataclass(frozen=True)
class Statement:
    """One statement.

    Args:
        bare: in lower case, one blank between words, no comments; strings are `''`, dollar quotes
            `$$`, quoted names are one word in quotes, as they were written.
        quoted: the texts of its strings and dollar quotes, in their order.
        first: its first line, counted from 1.
        last: its last line.
    """

    bare: str
    quoted: tuple[str, ...]
    first: int
    last: int


def statements(sql: str) -> Iterator[Statement]:
    """The statements of a text; what is empty but for comments is left out."""
    reader = _Reader()
    place = 0
    while match := _TOKEN.match(sql, place):
        start, place = place, match.end()
        kind = str(match.lastgroup)
        if kind == "block":
            place = _comment_end(sql, place)
        elif kind == "dollar":
            found = sql.find(match[0], place)
            stop = len(sql) if found < 0 else found
            reader.take("$$", start, sql[place:stop])
            place = len(sql) if found < 0 else stop + len(match[0])
        elif kind == "end" and reader.depth == 0:
            yield from reader.cut(sql)
        elif kind not in ("space", "line"):
            reader.take(*_blanked(kind, match[0], start))
    yield from reader.cut(sql)


class _Reader:
    """The words of the statement that is being read."""

    def __init__(self) -> None:
        self.depth = 0  # of `begin atomic ... end`, inside which `;` ends nothing
        self._words: list[tuple[str, int]] = []
        self._quoted: list[str] = []

    def take(self, word: str, place: int, quoted: str | None = None) -> None:
        before = self._words[-1][0] if self._words else ""
        if word == "atomic" and before == "begin" and _ROUTINE.match(self._bare()):
            self.depth = 1
        elif self.depth and word == "case":
            self.depth += 1
        elif self.depth and word == "end":
            self.depth -= 1
        self._words.append((word, place))
        if quoted is not None:
            self._quoted.append(quoted)

    def cut(self, sql: str) -> Iterator[Statement]:
        if self._words:
            first, last = self._words[0][1], self._words[-1][1]
            lines = sql.count("\n", 0, first) + 1, sql.count("\n", 0, last) + 1
            yield Statement(self._bare(), tuple(self._quoted), *lines)
        self.__init__()  # type: ignore[misc]

    def _bare(self) -> str:
        text = " ".join(word for word, _ in self._words)
        return re.sub(r" ?([.,()]) ?", lambda part: _GAPS[part[1]], text).strip()


_GAPS = {".": ".", ",": ", ", "(": " (", ")": ") "}


def _blanked(kind: str, text: str, place: int) -> tuple[str, int, str | None]:
    if kind in ("text", "escape"):
        inner = text.partition("'")[2].removesuffix("'")
        return "''", place, inner.replace("''", "'")
    if kind == "name":
        inner = text.partition('"')[2].removesuffix('"')
        return f'"{one_word(inner)}"', place, None
    return text.lower(), place, None


def one_word(name: str) -> str:
    """A quoted name as a single word, so that rules can tell where it ends."""
    return re.sub(r"[^\w$]", "_", name)


def _comment_end(sql: str, place: int) -> int:
    """Where a `/*` comment ends; PostgreSQL nests them."""
    depth = 1
    while depth:
        mark = _MARK.search(sql, place)
        if mark is None:
            return len(sql)
        depth += 1 if mark[0] == "/*" else -1
        place = mark.end()
    return place


def split(text: str) -> list[str]:
    """The parts between the commas of a bare text that stand in no parentheses."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [part for part in (*parts, text[start:].strip()) if part]


def outside(text: str) -> str:
    """A bare text with all that stands in parentheses left out."""
    kept, depth = [], 0
    for sign in text:
        depth += sign == "("
        if depth == 0:
            kept.append(sign)
        depth -= sign == ")"
    return "".join(kept)


# What can't run inside one transaction, or ends it.
_CONTROL = re.compile(
    r"(begin|start transaction|commit|end|abort|rollback|savepoint|release|prepare transaction)\b"
)
_ALONE = re.compile(
    r"((create|drop)( unique)? index concurrently|reindex\b.* concurrently|vacuum|alter system"
    r"|(create|drop) (database|tablespace)|refresh materialized view concurrently|cluster$)"
)
_INSIDE = re.compile(r"(commit|rollback)( and (no )?chain)?")


def unfit(sql: str) -> str | None:
    """The first words of what keeps a script out of a transaction with others; None if it fits."""
    for each in statements(sql):
        if _CONTROL.match(each.bare) or _ALONE.match(each.bare):
            return " ".join(each.bare.split()[:3])
        if each.bare.startswith("do "):
            inner = (part.bare for text in each.quoted for part in statements(text))
            if any(_INSIDE.search(part.removeprefix("begin ")) for part in inner):
                return "a `commit` or `rollback` in a `do` block"
    return None
