"""What two years leave behind: a ledger of many releases, and the monitor's looks, by SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.monitor.incidents import Incident
from scripts.monitor.store import FILE, SCHEMA
from scripts.state.ledger import Event

NOW = 1_900_000_000.0
DAY, YEARS = 86400.0, 2
ENVIRONMENTS = ("development", "staging", "production")


def iso(at: float) -> str:
    """As the ledger writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def commit_of(number: int) -> str:
    """The id of a made-up commit."""
    return f"{number:040x}"


def events(releases: int, now: float = NOW) -> Iterator[Event]:
    """So many releases, evenly over two years and the chain; each tenth of production is rolled back."""
    step = YEARS * 365 * DAY / releases
    live = dict.fromkeys(ENVIRONMENTS, "")
    for number in range(1, releases + 1):
        at, name = now - (releases - number) * step - 7200, ENVIRONMENTS[number % 3]
        common = (
            f"v{number}",
            commit_of(number),
            ("Ada", "Bob", "Chloé")[number % 5 % 3],
            iso(at),
            f"r{number}",
        )
        ending = "failed" if number % 17 == 0 else "done"
        yield Event(name, "release", ending, *common, {"live": live[name] or None})
        if name == "production" and number % 15 == 2 and ending == "done" and live[name]:
            detail = {"bad": commit_of(number)}
            back = (f"v{releases + number}", live[name], "Ada", iso(at + 1500), f"b{number}")
            yield Event(name, "rollback", "done", *back, detail)
        elif ending == "done":
            live[name] = commit_of(number)
    yield from _proofs(now)


def _proofs(now: float) -> Iterator[Event]:
    for number in range(12):
        common = ("", commit_of(number + 1), "CI", iso(now - (12 - number) * 3 * DAY), f"p{number}")
        slow = 180 + 15 * number % 70
        load = {"endpoints": {"GET /": {"p95": slow}, "GET /homes": {"p95": slow + 40}}}
        passed = number != 7
        detail: dict[str, Any] = {"what": "load", "level": "peak", "load": load}
        verdict = {"verdict": "passed" if passed else "failed"}
        yield Event("staging", "proof", "done" if passed else "failed", *common, {**detail, **verdict})
    drill = {"what": "drill", "seconds": 41.5, "caught": "`/` answered 500"}
    yield Event("staging", "proof", "done", "", commit_of(9), "Ada", iso(now - 5 * DAY), "d1", drill)
    for number in range(3):
        taken = datetime.fromtimestamp(now - number * DAY - 3600, UTC)
        backup = f"{taken:%Y%m%dT%H%M%SZ}-production-daily-{number:06x}"
        detail = {"backup": backup, "proven": True, "bytes": 48_000_000, "rows": 812_345 - 900 * number}
        common = ("v1", commit_of(9), "CI", iso(now - number * DAY - 3000), f"k{number}")
        yield Event("production", "backup", "done", *common, detail)


def looks(folder: Path, number: int, now: float = NOW) -> None:
    """So many looks in the last two days, and 90 days of hours; with faults and incidents."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.execute(
            "with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < :number)"
            " insert into looks select :now - 172800.0 * (:number - i) / :number,"
            " case i % 3 when 0 then 'development' when 1 then 'staging' else 'production' end,"
            " case i % 2 when 0 then 'page /' else 'database' end,"
            " case when i % 9973 = 0 then 'bad' else 'good' end, 0.08 + (i * 7919 % 1000) / 6000.0,"
            " '{}', '', 1 from n",
            {"number": number, "now": now},
        )
        for name, base in zip(ENVIRONMENTS, (0.14, 0.11, 0.09), strict=True):
            for hour in range(48, 90 * 24):
                at = now // 3600 * 3600 - hour * 3600
                bad = 9 if hour in (300, 301) else 1 if hour % 431 == 7 else 0
                pace = base + (hour % 24) / 400
                row = (at, name, "page /", 60, bad, pace, pace * 2.4)
                connection.execute("insert into hours values (?, ?, ?, ?, ?, ?, ?)", row)
        for one in _incidents(now):
            values = (one.id, one.environment, one.check, one.began, one.ended, json.dumps(asdict(one)))
            connection.execute("insert into incidents values (?, ?, ?, ?, ?, ?)", values)


def _incidents(now: float) -> Iterator[Incident]:
    began = now - 300 * 3600
    yield Incident("i1", "production", "page /", "bad", began, "it answers 500", "v41", 180, began + 7200)
    yield Incident("i2", "staging", "database", "bad", now - 1200, "it takes no connection")
