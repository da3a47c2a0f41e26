# pure
"""Reads SQL as text: cuts it into statements, blanks what is quoted, and compares two texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
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
_COMMENT_MARK = re.compile(r"/\*|\*/")
_ROUTINE = re.compile(r"create (or replace )?(function|procedure) ")
_SPACING = {".": ".", ",": ", ", "(": " (", ")": ") "}


@dataclass(frozen=True)
class Statement:
    """One statement.

    Args:
        bare: in lower case, one blank between words, no comments; strings are `''`, dollar quotes
            `$$`, quoted names are one word in quotes, as they were written.
        quoted: the texts of its strings and dollar quotes, in order.
        first: its first line, counted from 1.
        last: its last line.
    """

    bare: str
    quoted: tuple[str, ...]
    first: int
    last: int


def statements(sql: str) -> Iterator[Statement]:
    """The statements of a text, without those that are empty or hold only comments."""
    reader = _Reader()
    place = 0
    while match := _TOKEN.match(sql, place):
        start, place = place, match.end()
        kind = str(match.lastgroup)
        if kind == "block":
            place = _comment_end(sql, place)
        elif kind == "dollar":
            closing = sql.find(match[0], place)
            stop = len(sql) if closing < 0 else closing
            reader.add("$$", start, sql[place:stop])
            place = len(sql) if closing < 0 else stop + len(match[0])
        elif kind == "end" and reader.depth == 0:
            yield from reader.cut(sql)
        elif kind not in ("space", "line"):
            reader.add(*_blanked(kind, match[0], start))
    yield from reader.cut(sql)


class _Reader:
    """The words of the statement that is being read."""

    def __init__(self) -> None:
        self.depth = 0  # of `begin atomic ... end`, inside which `;` ends nothing
        self._words: list[tuple[str, int]] = []
        self._quoted: list[str] = []

    def add(self, word: str, place: int, quoted: str | None = None) -> None:
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
        return re.sub(r" ?([.,()]) ?", lambda sign: _SPACING[sign[1]], text).strip()


def _blanked(kind: str, text: str, place: int) -> tuple[str, int, str | None]:
    if kind in ("text", "escape"):
        inner = text.partition("'")[2].removesuffix("'")
        return "''", place, inner.replace("''", "'")
    if kind == "name":
        inner = text.partition('"')[2].removesuffix('"')
        return f'"{one_word(inner)}"', place, None
    return text.lower(), place, None


def one_word(name: str) -> str:
    """A quoted name as a single word, so that rules see where it ends."""
    return re.sub(r"[^\w$]", "_", name)


def _comment_end(sql: str, place: int) -> int:
    """Where a `/*` comment ends; PostgreSQL nests them."""
    depth = 1
    while depth:
        mark = _COMMENT_MARK.search(sql, place)
        if mark is None:
            return len(sql)
        depth += 1 if mark[0] == "/*" else -1
        place = mark.end()
    return place


def split(text: str) -> list[str]:
    """The parts of a bare text between its commas; a comma in parentheses does not count."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [part for part in (*parts, text[start:].strip()) if part]


def outside(text: str) -> str:
    """A bare text without anything that is in parentheses."""
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
    """The first words of what can't run in one transaction with other scripts; None if all of it can."""
    for statement in statements(sql):
        if _CONTROL.match(statement.bare) or _ALONE.match(statement.bare):
            return " ".join(statement.bare.split()[:3])
        if statement.bare.startswith("do "):
            inner = (part.bare for text in statement.quoted for part in statements(text))
            if any(_INSIDE.search(bare.removeprefix("begin ")) for bare in inner):
                return "a `commit` or `rollback` in a `do` block"
    return None


# The ledger holds fingerprints: a change of these patterns voids every proof and measurement in it.
_QUOTES = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*)
    | (?P<quoted>(?<![\w$])[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*")
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
    """,
    re.VERBOSE | re.DOTALL,
)
# Words and single signs. The space between two of them counts for nothing, but it keeps them apart.
_WORDS = re.compile(r"[\w$]+|[^\w\s;\ufeff]")


def fingerprint(sql: str) -> str:
    """The digest of a text's words and signs, without comments, white space and `;` outside quotes.

    A file and the statements that the Supabase CLI recorded of it have the same fingerprint, however
    the CLI cut the file. An edit of anything that runs changes it; other line ends alone do not.
    """
    sql = re.sub(r"\r\n?", "\n", sql)
    kept: list[str] = []
    place = 0
    while match := _QUOTES.search(sql, place):
        kept += _WORDS.findall(sql[place : match.start()])
        place = _quote_end(sql, match)
        if not match["comment"]:
            kept.append(sql[match.start() : place])
    kept += _WORDS.findall(sql[place:])
    return hashlib.sha256("\x1f".join(kept).encode("utf-8", "surrogateescape")).hexdigest()


def outside_quotes(sql: str, change: Callable[[str], str]) -> str:
    """The text with `change` done to what is neither quoted nor a comment."""
    parts, place = [], 0
    while match := _QUOTES.search(sql, place):
        end = _quote_end(sql, match)
        parts += [change(sql[place : match.start()]), sql[match.start() : end]]
        place = end
    return "".join([*parts, change(sql[place:])])


def _quote_end(sql: str, match: re.Match[str]) -> int:
    """Where a comment or quotation that `_QUOTES` has found ends."""
    if match["comment"] == "/*":
        return _comment_end(sql, match.end())
    if match["dollar"]:
        end = sql.find(match["dollar"], match.end())
        return len(sql) if end < 0 else end + len(match["dollar"])
    return match.end()
