"""What the page shows of the monitor's SQLite: days, latency, incidents; added up in SQL, only read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

DAY, DAYS = 86400, 90
BUCKET, PACE_DAYS = 4 * 3600, 30
INCIDENTS = 30
# Looks of the last days, then a row an hour: no look is in both. Pages alone say whether the app is up.
UPTIME = """
select environment, day, sum(looks), sum(bad) from (
  select environment, cast(at / :day as integer) day, count(*) looks, sum(level = 'bad') bad from looks
    where at > :since and counts and level <> 'unknown' and name glob 'page *' group by 1, 2
  union all
  select environment, cast(at / :day as integer), sum(looks), sum(bad) from hours
    where at > :since and name glob 'page *' group by 1, 2
) group by 1, 2
"""
PACE = """
with ranked as (
  select environment, cast(at / :bucket as integer) slot, seconds,
    row_number() over (partition by environment, cast(at / :bucket as integer) order by seconds) place,
    count(*) over (partition by environment, cast(at / :bucket as integer)) number
  from looks where at > :since and counts and level in ('good', 'warn') and seconds is not null
    and name glob 'page *'
)
select environment, slot, avg(p50), avg(p95) from (
  select environment, slot, min(case when place >= 0.5 * number then seconds end) p50,
    min(case when place >= 0.95 * number then seconds end) p95 from ranked group by 1, 2
  union all
  select environment, cast(at / :bucket as integer), p50, p95 from hours
    where at > :since and p50 is not null and name glob 'page *'
) group by 1, 2 order by 1, 2
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
    found = Series({}, {}, [])
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
        since = (int(now // DAY) - DAYS + 1) * DAY
        for environment, *day in connection.execute(UPTIME, {"day": DAY, "since": since}):
            found.days.setdefault(environment, []).append(Day(*day))
        rows = connection.execute(PACE, {"bucket": BUCKET, "since": now - PACE_DAYS * DAY})
        for environment, slot, p50, p95 in rows:
            found.pace.setdefault(environment, []).append(Pace(slot * BUCKET, p50, p95))
        found.incidents.extend(
            json.loads(document)
            for (document,) in connection.execute(
                "select document from incidents order by ended is not null, began desc limit ?",
                (INCIDENTS,),
            )
        )
    return found
