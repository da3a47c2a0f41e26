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


def rows_of(text: str) -> list[Row]:
    """Lines of `%H %T %P`."""
    lines = (line.split() for line in text.splitlines())
    return [Row(words[0], words[1], tuple(words[2:])) for words in lines if words]
