# pure
"""Rows as PostgreSQL's COPY text, in which equal rows are equal lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

COPY = re.compile(
    rb'COPY (?P<table>(?:"(?:[^"]|"")*"|[^" ])+) (?:\((?P<columns>.*)\) )?FROM stdin;\n', re.DOTALL
)
NAME = re.compile(r'"((?:[^"]|"")*)"|([^",. ]+)')
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends: in COPY text no row holds a bare line feed."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole


def pick(line: bytes, places: Sequence[int], width: int) -> bytes:
    """The line with only the columns at these places; `width`: how many it has."""
    if len(places) == width:
        return line
    parts = line.split(b"\t")
    return b"\t".join([parts[place] for place in places])


def names(text: bytes) -> list[str]:
    """The names in a script's text, without the quotes that some need."""
    return [quoted.replace('""', '"') or bare for quoted, bare in NAME.findall(text.decode())]


def values(line: bytes) -> list[str | None]:
    """A row's values; None for null."""
    return [
        None if part == "\\N" else ESCAPE.sub(lambda match: ESCAPED.get(match[1], match[1]), part)
        for part in line.decode().split("\t")
    ]
