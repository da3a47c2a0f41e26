# pure
"""Lines of logs from several places as one stream: when, which environment, which release was live then."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from scripts.state.event_rules import RELEASES
from scripts.state.ledger import Event
from scripts.system.text import sanitize_output

LONGEST = 4000  # characters of one entry; what a program throws away is longer


class Raw(NamedTuple):
    """An entry as its place gave it.

    Args:
        key: the same for the same entry when it is read again.
        at: seconds since 1970.
    """

    key: str
    at: float
    source: str
    text: str


class Line(NamedTuple):
    """An entry that can be shown: secrets are masked, controls are inert."""

    at: float
    environment: str
    release: str
    source: str
    text: str

    def shown(self) -> str:
        """For people; what follows in the entry is indented."""
        first, *rest = self.text.split("\n")
        moment = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        head = f"{moment}Z {self.environment} {self.release or '-'} {self.source}: {first}".rstrip()
        return "\n".join([head, *(f"  | {line}" for line in rest)])

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {**self._asdict(), "at": datetime.fromtimestamp(self.at, UTC).isoformat()}


class Releases:
    """Which release was live when, in one environment."""

    def __init__(self, events: Iterable[Event], environment: str) -> None:
        live = [
            (datetime.fromisoformat(each.at).timestamp(), each.release)
            for each in events
            if (each.environment, each.ending) == (environment, "done") and each.kind in RELEASES
        ]
        self._live = sorted(live)

    def at(self, moment: float) -> str:
        """The release that was live; "" before the first."""
        place = bisect_right(self._live, (moment, "\U0010ffff"))
        return self._live[place - 1][1] if place else ""

    def window(self, release: str) -> tuple[float, float | None] | None:
        """From when to when it was live; no end: it still is; None: it never was."""
        for place, (began, name) in enumerate(self._live):
            if name == release:
                following = self._live[place + 1 : place + 2]
                return began, following[0][0] if following else None
        return None


def finished(
    raws: Iterable[Raw], environment: str, releases: Releases, mask: Callable[[str], str]
) -> Iterator[Line]:
    """Masked first and only then shortened: half of a secret is not known as one."""
    for _, at, source, text in raws:
        inert = sanitize_output(mask(text)).strip("\n")
        cut = inert if len(inert) <= LONGEST else f"{inert[:LONGEST]} ..."
        yield Line(at, environment, releases.at(at), source, cut)


def chosen(lines: Iterable[Line], pattern: re.Pattern[str] | None, release: str) -> list[Line]:
    """In the order of time; the pattern sees what people see, so that it finds out no secret."""
    found = [
        line
        for line in lines
        if release in ("", line.release) and (pattern is None or pattern.search(line.text))
    ]
    return sorted(found, key=lambda line: line.at)
