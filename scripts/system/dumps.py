# pure
"""Read the bytes out of dumps: `xxd`, `hexdump`, `od`, and lists of bytes as languages print them.

A row is an offset, groups of digits (or one character a cell), and perhaps the same as text. How the digits
are meant is not known: a dump is read in each base in which it makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.system.view import View, as_bytes

HEX = "[0-9A-Fa-f]"
OFFSET = rf"{HEX}{{6,16}}"
TOKEN = rf"(?:0[xX])?{HEX}{{1,16}}(?!\w)"
BETWEEN = r"(?:[ \t]{0,3},[ \t]{0,3}|[ \t]{1,3})"
HEAD = re.compile(rf"[ \t]*(?:[|>│#][ \t]+)?(?:(?P<offset>{OFFSET})(?P<colon>:)?(?=[ \t]))?[ \t]*")
RUN = re.compile(rf"{TOKEN}(?:{BETWEEN}{TOKEN})*")
TIGHT = re.compile(rf"{HEX}{{1,16}}(?!\w)(?: {HEX}{{1,16}}(?!\w))*")  # xxd: after two blanks comes the text
LIST = re.compile(rf"(?<![\w.]){TOKEN}(?:{BETWEEN}{TOKEN}){{2,}}")
ONE = re.compile(rf"[ \t]*{TOKEN}[ \t]*,[ \t]*\r?\Z")  # a list with one number in a line
DIGITS = re.compile(rf"(?:0[xX])?({HEX}+)")
CELLS = re.compile(rf"(?:{OFFSET})?((?: (?:  .| \\.| [a-z]{{2}}|[0-7]{{3}}|[a-z][a-z0-9]{{2}}))+) *\r?")
OCTAL = re.compile(rf"(?:{OFFSET})?(?: [0-7]{{3}})+ *\r?")  # rows of `od -b`, and perhaps of `od -c`
# a text without any of these holds no dump
SIGN = re.compile(
    rf"(?<!\w)(?:{TOKEN}{BETWEEN}){{2}}{HEX}|^{OFFSET}:?[ \t]|^[ \t]*{TOKEN}[ \t]*,[ \t]*\r?$"
    r"|^ (?:   ?\S| [0-7]{3}| \\.)",
    re.MULTILINE,
)
# the begin of a row, as far as it is there
BEGUN = re.compile(
    rf"[ \t]*(?:[|>│#][ \t]*)?(?:{OFFSET}:?[ \t]|(?:{TOKEN}{BETWEEN})+{HEX}?|(?:0[xX]?)?{HEX}{{0,16}}:?\Z)"
    r"| {3,4}(?:\\.|\S)(?: |\Z)| [0-7]{3}(?: |\Z)"
)
NAMED = {
    r"\0": 0,
    r"\a": 7,
    r"\b": 8,
    r"\t": 9,
    r"\n": 10,
    r"\v": 11,
    r"\f": 12,
    r"\r": 13,
    "sp": 32,
    "": 32,
}
NOTHING = b"\0"  # in the place of what is no byte


@dataclass
class _Row:
    """Tokens as (start, end), and where a mask of each of them ends if a text stands beside them."""

    tokens: list[tuple[int, int]]
    end: int | None = None


@dataclass
class _Dump:
    rows: list[_Row] = field(default_factory=list)
    cells: bool = False


@dataclass(frozen=True)
class Reading:
    """A dump read in one base.

    Args:
        text: its bytes as text; U+0000 for what is no byte.
    """

    text: str
    _values: list[bytes]
    _rows: list[_Row]

    def view(self) -> View:
        """The same with the places of its characters in the text that holds the dump."""
        places = [
            (start, row.end or end)
            for (row, start, end), value in zip(self._tokens(), self._values, strict=True)
            for _byte in value
        ]
        view, at = View(self.text, [], [], []), 0
        for place, character in enumerate(self.text):
            view.places.append(place)
            view.starts.append(places[at][0])
            view.ends.append(places[at - 1][1] if at else places[0][0])
            at += len(as_bytes(character))
        view.places.append(len(self.text))
        view.starts.append(places[-1][1])
        view.ends.append(places[-1][1])
        return view

    def _tokens(self) -> Iterator[tuple[_Row, int, int]]:
        return ((row, start, end) for row in self._rows for start, end in row.tokens)


def readings(text: str) -> Iterator[Reading]:
    """Each dump in the text in each base in which it makes sense."""
    for dump in _dumps(text) if SIGN.search(text) else ():
        for read in (_character,) if dump.cells else (_big, _little, _octal, _decimal, _binary):
            values = [
                read(text[start + 2 : end] if text[start : start + 2] in ("0x", "0X") else text[start:end])
                or NOTHING
                for row in dump.rows
                for start, end in row.tokens
            ]
            raw = b"".join(values)
            if raw.strip(NOTHING):
                yield Reading(raw.decode("utf-8", "surrogateescape"), values, dump.rows)


def is_row(text: str, start: int, end: int) -> bool:
    """Whether this line, as far as it is there, may be the row of a dump."""
    begun = BEGUN.match(text, start, end)
    return bool(begun and begun.end() > start)


def open_dump(text: str, most: int) -> tuple[int, int]:
    """(start, end) of the last whole rows of a dump that more text may add to; the text's length if none.

    Args:
        most: bytes; rows before the last so many are left out.
    """
    last = text.rfind("\n") + 1
    if last < len(text) and not is_row(text, last, len(text)):
        return len(text), len(text)
    start = end = last
    size = 0
    while end > 0 and size < most:
        line = text.rfind("\n", 0, end) + 1
        if line < end and not is_row(text, line, end):
            tail = LIST.search(text, max(line, end - 400), end)
            start = tail.start() if tail and tail.end() >= end - 3 else start
            break
        start, size, end = line, size + (end - line) // 6, line - 1
    return start, last


def _dumps(text: str) -> Iterator[_Dump]:
    dump = _Dump()
    for line in re.finditer(r"[^\n]+", text):
        start, end = line.span()
        cells = CELLS.fullmatch(text, start, end)
        if cells and not dump.cells and OCTAL.fullmatch(text, start, end):
            cells = None
        found = _cell_row(cells) if cells else _row(text, start, end, follows=bool(dump.rows))
        if found and bool(cells) == dump.cells:
            dump.rows.append(found)
            continue
        yield dump
        dump = _Dump([found] if found else [], cells=bool(cells))
        for run in LIST.finditer(text, start, end) if not found else ():
            yield dump
            dump = _Dump([_tokens(text, *run.span())])
    yield dump


def _cell_row(cells: re.Match[str]) -> _Row:
    return _Row([(at, at + 4) for at in range(cells.start(1), cells.end(1), 4)])


def _row(text: str, start: int, end: int, *, follows: bool) -> _Row | None:
    """The line as a row; None if it is none."""
    head = HEAD.match(text, start, end)
    offset = bool(head and head["offset"])
    if not head or not (offset or follows or ONE.match(text, start, end)):
        return None
    run = (TIGHT if head["colon"] else RUN).match(text, head.end(), end)
    if not run:
        return None
    row = _tokens(text, run.start(), run.end())
    if offset and text[run.end() : end].strip():
        row.end = start + len(text[start:end].rstrip())
    return row


def _tokens(text: str, start: int, end: int) -> _Row:
    return _Row([digits.span() for digits in DIGITS.finditer(text, start, end)])


def _big(token: str) -> bytes | None:
    return bytes.fromhex(token) if len(token) % 2 == 0 else None


def _little(token: str) -> bytes | None:
    """Words as this machine holds them: `od -x`, `hexdump`."""
    return bytes.fromhex(token)[::-1] if len(token) in (4, 8, 16) else None


def _octal(token: str) -> bytes | None:
    if len(token) not in (3, 6) or set(token) - set("01234567"):
        return None
    value, size = int(token, 8), len(token) // 3
    return value.to_bytes(size, "little") if value < 256**size else None


def _decimal(token: str) -> bytes | None:
    return bytes([int(token)]) if token.isdecimal() and len(token) < 4 and int(token) < 256 else None


def _binary(token: str) -> bytes | None:
    return bytes([int(token, 2)]) if len(token) == 8 and not set(token) - {"0", "1"} else None


def _character(cell: str) -> bytes | None:
    """One cell of `od -c`, `od -a` or `hexdump -c`."""
    shown = cell.strip()
    if shown in NAMED:
        return bytes([NAMED[shown]])
    if len(shown) == 1:
        return as_bytes(shown)
    return _octal(shown)
