# pure
"""The lines of a history, as they are read from git."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 50_000  # commits of one history that are looked at


@dataclass(frozen=True)
class Row:
    """One commit: its id, the tree of its files, and its parents."""

    id: str
    tree: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Dated:
    """A commit with its date, in seconds since 1970."""

    id: str
    at: float
    parents: tuple[str, ...]


def dated_of(text: str) -> list[Dated]:
    """Lines of `%H %ct %P`."""
    lines = (line.split() for line in text.splitlines())
    return [Dated(words[0], float(words[1]), tuple(words[2:])) for words in lines if words]


def rows_of(text: str) -> list[Row]:
    """Lines of `%H %T %P`."""
    lines = (line.split() for line in text.splitlines())
    return [Row(words[0], words[1], tuple(words[2:])) for words in lines if words]
