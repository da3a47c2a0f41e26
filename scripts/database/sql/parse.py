# pure
"""Reads SQL with PostgreSQL's own parser (libpg_query, by way of `pglast`).

A tree is the parser's JSON: a node is `{"SelectStmt": {...}}` with the fields of PostgreSQL's source, and
a field that has its default value is absent. What the parser can't read becomes a statement of no kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Node = Mapping[str, Any]
ATOMIC = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
BYTE_ORDER_MARK = "\ufeff"
PARSED = 2048  # texts that are kept


@dataclass(frozen=True)
class Statement:
    """One statement.

    Args:
        kind: the parser's name of it, such as `SelectStmt`; empty if the parser can't read it.
        node: its fields.
        text: as it was written, without comments before it.
        first: its first line, counted from 1.
        last: its last line.
        fault: why the parser can't read it.
    """

    kind: str
    node: Node
    text: str
    first: int
    last: int
    fault: str = ""

    @property
    def head(self) -> str:
        """Its first words, for messages."""
        words = self.text.split()
        return " ".join(words[:6]) + (" ..." if len(words) > 6 else "")


class UnreadableError(Exception):
    """The parser can't read a text."""


@lru_cache(maxsize=PARSED)
def parse(sql: str) -> tuple[Statement, ...]:
    """The statements of a text. If it can't be read as a whole, each of them is tried alone."""
    # a byte order mark is no SQL, and no server takes half a character or a NUL
    text = sql.removeprefix(BYTE_ORDER_MARK).encode("utf-8", "replace").decode()
    try:
        return tuple(_statements(text, text, 0))
    except UnreadableError as fault:
        return tuple(_one_by_one(text, str(fault)))


def _statements(part: str, whole: str, start: int) -> Iterator[Statement]:
    """The statements of a part that begins at that character of the whole."""
    raw = part.encode()
    for entry in _trees(part):
        place = entry.get("stmt_location", 0)
        end = place + entry["stmt_len"] if "stmt_len" in entry else len(raw)
        text = raw[place:end].decode()
        ((kind, node),) = entry["stmt"].items()
        begin = start + len(raw[:place].decode())
        yield Statement(kind, node, text.strip(), *_lines(whole, begin, text))


def _lines(whole: str, begin: int, text: str) -> tuple[int, int]:
    first = whole.count("\n", 0, begin) + 1
    return first, first + text.rstrip().count("\n")


def _trees(text: str) -> list[dict[str, Any]]:
    """The parser's list of statements.

    Raises:
        UnreadableError: it is no SQL, or nested too deeply.
    """
    from pglast import Error as ParseError
    from pglast import parser

    if "\0" in text:
        raise UnreadableError("it holds a NUL")
    try:
        found: list[dict[str, Any]] = json.loads(parser.parse_sql_json(text)).get("stmts", [])
    except (ParseError, RecursionError, ValueError) as fault:
        raise UnreadableError(str(fault.args[0]) if fault.args else "") from None
    return [entry for entry in found if entry.get("stmt")]


def _one_by_one(text: str, fault: str) -> Iterator[Statement]:
    """The statements, cut by PostgreSQL's scanner; those that can't be read have no kind."""
    places = _places(text)
    if not places:
        yield Statement("", {}, text.strip(), *_lines(text, 0, text), fault)
    while places:
        start, stop = places.pop(0)
        found, why = _read(text, start, stop)
        further = iter(places)
        while not found and why and ATOMIC.search(text[start:stop]):  # its `;` end no statement
            _, wider = next(further, (0, 0))
            if not wider:
                break
            found, _ = _read(text, start, wider)
            if found:
                places = [place for place in places if place[0] >= wider]
        if found or not why:
            yield from found
        else:
            yield Statement("", {}, text[start:stop].strip(), *_lines(text, start, text[start:stop]), why)


def _places(text: str) -> list[tuple[int, int]]:
    """Where the statements begin and end, by PostgreSQL's scanner; none if it can't read the text."""
    from pglast import Error as ParseError
    from pglast import parser

    try:
        tokens = parser.scan(text) if "\0" not in text else []
    except ParseError:
        return []
    places: list[tuple[int, int]] = []
    start, end = -1, 0
    for token in tokens:
        if token.name == "ASCII_59" and start >= 0:
            places.append((start, end))
            start = -1
        elif token.name not in ("SQL_COMMENT", "C_COMMENT", "ASCII_59"):
            start, end = (token.start if start < 0 else start), token.end + 1
    return [*places, (start, end)] if start >= 0 else places


def _read(text: str, start: int, stop: int) -> tuple[list[Statement], str]:
    try:
        return list(_statements(text[start:stop], text, start)), ""
    except UnreadableError as fault:
        return [], str(fault) or "unknown"


@lru_cache(maxsize=PARSED)
def expression(sql: str) -> Node | None:
    """An expression, as a query that selects it; None if it can't be read."""
    statements = parse(f"select {sql}")
    readable = len(statements) == 1 and statements[0].kind == "SelectStmt"
    return {"SelectStmt": statements[0].node} if readable else None


def plpgsql(sql: str) -> Any:
    """The tree of `create function` or `do` in PL/pgSQL; None if it can't be read."""
    from pglast import Error as ParseError
    from pglast import parser

    try:
        return json.loads(parser.parse_plpgsql_json(sql))
    except (ParseError, RecursionError, ValueError):
        return None
