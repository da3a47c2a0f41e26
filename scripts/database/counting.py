"""How far a long step is, in rows or bytes: for whoever copies them, block by block."""

from __future__ import annotations

import threading
from collections.abc import Callable

from scripts.config.desk import Progress

Tell = Callable[[int], None]  # so many more


def silent(_more: int) -> None:
    """Nobody watches."""


def counting(progress: Progress, total: int, words: Callable[[int], str], *steps: str) -> Tell:
    """What is told how many more are done; it may be called by several threads.

    Args:
        total: how many there are in all; 0: nobody knows.
        words: the figures for people, given how many are done.
        steps: as in `Progress.advance`.
    """
    guard, done = threading.Lock(), [0]

    def tell(more: int) -> None:
        with guard:
            done[0] += more
        progress.advance(done[0], total, words(done[0]), *steps)

    return tell


def rows(progress: Progress, total: int, verb: str, *steps: str) -> Tell:
    """As `counting`, in rows: `1,200 of 3,400 rows loaded`."""
    return counting(progress, total, lambda done: f"{done:,} of {total:,} rows {verb}", *steps)


class Counted(bytes):
    """A block of rows whose number can't be seen in it."""

    rows = 0

    @classmethod
    def of(cls, block: bytes, rows: int) -> Counted:
        """The block, with this number."""
        counted = cls(block)
        counted.rows = rows
        return counted


def rows_in(block: bytes) -> int:
    """The rows of a block; of `COPY`'s text form none holds a line feed."""
    return block.rows if isinstance(block, Counted) else block.count(b"\n")
