"""What `--verbose` shows of each program: its command line, then its exit code and seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from scripts.system.command import Command
from scripts.system.secret import redact

WIDEST = 400  # characters of a command line

_tell: list[Callable[[str], None]] = []


def to(tell: Callable[[str], None]) -> None:
    """Tell of every program from now on; `tell` gets redacted lines, from any thread."""
    _tell[:] = [tell]


def end() -> None:
    """Tell nobody any more."""
    _tell.clear()


def begin(command: Command) -> Callable[[int | None], None]:
    """Tell that a program starts; returns what is to be called with its exit code, None if it never ran."""
    if not _tell:
        return lambda _code: None
    line, began = redact(str(command)).replace("\n", " "), time.monotonic()  # redacted before it is cut
    _tell[0](f"+ {line if len(line) <= WIDEST else f'{line[: WIDEST - 1]}…'}")

    def ended(code: int | None) -> None:
        how = "did not start" if code is None else f"ended with {code}"
        _tell[0](f"  `{command.program}` {how} after {time.monotonic() - began:.2f} s")

    return ended
