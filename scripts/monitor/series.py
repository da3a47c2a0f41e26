"""What the page shows of the monitor's SQLite: days, latency, incidents; added up in SQL, only read."""

from __future__ import annotations

import bisect
import itertools
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

DAY, DAYS = 86400, 90
BUCKET, PACE_DAYS = 4 * 3600, 30
INCIDENTS = 30
Row = tuple[Any, ...]
# Looks of the last days, then a row an hour: no look is in both. Pages alone say whether the app is up.
# Answers are counted by the millisecond: a window function, which sorts them, takes several times as long.
LOOKS = """
select environment, cast(at / :bucket as integer), level = 'bad', cast(seconds * 1000 as integer), count(*)
from looks where at > :since and counts and level <> 'unknown' and name glob 'page *' group by 1, 2, 3, 4
"""
HOURS = """
select environment, cast(at / :bucket as integer), sum(looks), sum(bad), avg(p50), avg(p95)
from hours where at > :since and name glob 'page *' group by 1, 2
"""


class Day(NamedTuple):
    """One day (in UTC, counted from 1970) of an environment's pages."""

    day: int
    looks: int
    bad: int


class Pace(NamedTuple):
    """Median and 95th percentile of the pages' answers in a slot that begins at `at`, in seconds."""

    at: float
    p50: float
    p95: float


class Series(NamedTuple):
    """By environment; incidents are the open ones, then the newest."""

    days: dict[str, list[Day]]
    pace: dict[str, list[Pace]]
    incidents: list[dict[str, Any]]


def read(file: Path, now: float) -> Series | None:
    """None where no watch has run on this machine.

    Raises:
        sqlite3.Error: the file can't be read.
    """
    if not file.is_file():
        return None
    since = (int(now // DAY) - DAYS + 1) * DAY
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
        window = {"bucket": BUCKET, "since": since}
        slots = _slots(connection.execute(LOOKS, window), connection.execute(HOURS, window))
        newest = connection.execute(
            "select document from incidents order by ended is not null, began desc limit ?", (INCIDENTS,)
        )
        incidents = [json.loads(document) for (document,) in newest]
    found = Series({}, {}, incidents)
    for (environment, slot), each in sorted(slots.items()):
        days = found.days.setdefault(environment, [])
        day = slot * BUCKET // DAY
        before = days.pop() if days and days[-1].day == day else Day(day, 0, 0)
        days.append(Day(day, before.looks + each.looks, before.bad + each.bad))
        pace = each.pace()
        if pace and slot * BUCKET > now - PACE_DAYS * DAY:
            found.pace.setdefault(environment, []).append(Pace(slot * BUCKET, *pace))
    return found


@dataclass
class _Slot:
    """What is known of an environment's pages in four hours; `times`: milliseconds -> good answers."""

    looks: int = 0
    bad: int = 0
    times: dict[int, int] = field(default_factory=dict)
    hours: tuple[float, float] | None = None

    def pace(self) -> tuple[float, float] | None:
        """p50 and p95; by the looks where there are any."""
        if not self.times:
            return self.hours
        ordered = sorted(self.times.items())
        reached = [*itertools.accumulate(number for _, number in ordered)]
        places = (bisect.bisect_left(reached, share * reached[-1]) for share in (0.5, 0.95))
        p50, p95 = (ordered[place][0] / 1000 for place in places)
        return p50, p95


def _slots(looks: Iterable[Row], hours: Iterable[Row]) -> dict[tuple[str, int], _Slot]:
    slots: dict[tuple[str, int], _Slot] = defaultdict(_Slot)
    for environment, number, bad, time, count in looks:
        slot = slots[environment, number]
        slot.looks += count
        slot.bad += count if bad else 0
        if time is not None and not bad:
            slot.times[time] = count
    for environment, number, count, bad, p50, p95 in hours:
        slot = slots[environment, number]
        slot.looks += count
        slot.bad += bad
        slot.hours = None if p50 is None else (p50, p95)
    return slots
