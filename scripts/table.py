"""A table in the width of the terminal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from scripts.language import number, translate
from scripts.system.secret import redact
from scripts.system.text import sanitize

WIDE = 200  # columns of a stream that is no terminal: a file or a pipe gets all that there is
GAP = 2  # columns between two cells


# heads of columns whose cells are names or values
NAMES = frozenset(
    "backup branch by commit environment release setting slot test url value variable who".split()
)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        rank: where the table is too wide, the columns of the highest rank go first; 0 stays.
        shrinks: too long, its cells end in `…`; of others none is cut.
        right: numbers stand at the right.
    """

    head: str
    rank: int = 0
    shrinks: bool = False
    right: bool = False

    def said(self, cell: str) -> str:
        """A cell in the language of the reader; names and values are shown as they are."""
        if self.right:
            return number(cell)
        return cell if self.head in NAMES else translate(cell)


class Row(str):
    """A line of a table: its cells are in the language of the reader already."""

    __slots__ = ()


@dataclass(frozen=True)
class Table:
    """Columns, and a cell of each for every row. `hidden`: what to say of columns that did not fit."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def lines(self, width: int) -> list[Row]:
        """The table in this width, without a word that is broken; rows that are all blank are left out."""
        if not self.rows:
            return []
        cells = [
            [_clean(column.said(redact(cell))) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]
        heads = [translate(column.head) for column in self.columns]
        kept = [n for n, column in enumerate(self.columns) if not column.head or any(r[n] for r in cells)]
        sizes = {n: max(_width(heads[n]), *(_width(row[n]) for row in cells)) for n in kept}
        while _total(sizes) > width and any(self.columns[n].rank for n in sizes):
            del sizes[max(sizes, key=lambda n: (self.columns[n].rank, n))]
        excess = _total(sizes) - width
        for shrunk in (n for n in reversed(list(sizes)) if self.columns[n].shrinks and excess > 0):
            smaller = max(8, sizes[shrunk] - excess)
            excess -= sizes[shrunk] - smaller
            sizes[shrunk] = smaller
        rows = [
            heads,
            ["─" * sizes.get(n, 0) for n in range(len(self.columns))],
        ]
        return [
            Row((" " * GAP).join(self._padded(row[n], n, size) for n, size in sizes.items()).rstrip())
            for row in [*rows, *cells]
        ]

    def _padded(self, text: str, number: int, size: int) -> str:
        missing = " " * (size - _width(text))
        if self.columns[number].right and missing:
            return missing + text
        return _padded(text, size)


def width_of(stream: TextIO) -> int:
    """The columns of the terminal; `COLUMNS` decides, and what is no terminal is wide."""
    if not stream.isatty() and not os.environ.get("COLUMNS"):
        return WIDE
    return shutil.get_terminal_size().columns or WIDE


def _clean(cell: str) -> str:
    return sanitize(redact(cell)).replace("\n", " ")


def _total(sizes: Mapping[int, int]) -> int:
    return sum(sizes.values()) + GAP * (len(sizes) - 1)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, size: int) -> str:
    if _width(text) <= size:
        return text + " " * (size - _width(text))
    while text and _width(text) > size - 1:
        text = text[:-1]
    return f"{text}…" + " " * (size - 1 - _width(text))
