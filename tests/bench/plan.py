"""What a bench is, what it may take, and how it is asked for."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import alive

SIZES = ("small", "medium", "large")


class Broken(Exception):
    """Something could not be measured, and why."""


@dataclass(frozen=True)
class Limit:
    """What a row may say; None: nothing is demanded of that.

    Args:
        ratio: at most so many times the other.
        least: at least so many times the other.
        more: at most so many seconds over the other.
        value: at most this, of what is measured itself (CPU seconds: of the same program on any machine).
        exponent: at most this growth.
    """

    ratio: float | None = None
    least: float | None = None
    more: float | None = None
    value: float | None = None
    exponent: float | None = None

    def __str__(self) -> str:
        """As in the table: `1.3 x`."""
        words = (
            (self.ratio, "{:g} x"),
            (self.least, "at least {:g} x"),
            (self.more, "{:g} s more"),
            (self.value, "{:g}"),
            (self.exponent, "exponent {:g}"),
        )
        return ", ".join(form.format(value) for value, form in words if value is not None)


NO_LIMIT = Limit()


@dataclass(frozen=True)
class Run:
    """One call of `invoke bench`.

    Args:
        runs: how often each is measured.
        size: one of `SIZES`; each bench says what that means for it.
        folder: a temporary one.
        cache: a folder that stays, for programs that are installed once.
        say: tells people how far it is.
        stack: what is ended when all benches are done.
        shared: what several benches use, made by the first of them.
    """

    runs: int
    size: str
    folder: Path
    cache: Path
    say: Callable[[str], None]
    stack: ExitStack
    shared: dict[str, Any] = field(default_factory=dict)

    def up_to(self, **values: Any) -> list[Any]:
        """The values for this size and all smaller ones: `up_to(small=[10], large=[1000])`."""
        wanted = SIZES[: SIZES.index(self.size) + 1]
        return [value for size in wanted for value in values.get(size, ())]


def abandoned(prefix: str) -> list[Path]:
    """Temporary folders with such a name, and after it the id of a process that no longer runs."""
    named = re.compile(re.escape(prefix) + r"(\d+)(-|$)")
    found = ((named.match(each.name), each) for each in Path(tempfile.gettempdir()).iterdir())
    return [each for match, each in found if match and not alive(int(match[1]))]


@dataclass(frozen=True)
class Bench:
    """One idea: its name, what it measures, what it may take, and what it needs.

    Args:
        measure: gives the rows, one after the other.
        lacks: what this machine lacks for it, with the command that brings it; "" for nothing.
        sizes: what `--size` changes: size and words.
    """

    name: str
    about: str
    limit: str
    measure: Callable[[Run], Iterator[Any]]
    lacks: Callable[[], str] = lambda: ""
    sizes: Mapping[str, str] = field(default_factory=dict)
