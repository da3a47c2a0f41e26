"""What two years leave behind: a ledger of many releases, and the monitor's looks, by SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.monitor.incidents import Incident
from scripts.monitor.store import FILE, SCHEMA
from scripts.release.dora import seconds_of
from scripts.state.ledger import FILE as LEDGER_FILE
from scripts.state.ledger import REF, Event
from tests.support.repositories import Repository

DAY, YEARS = 86400.0, 2
PEOPLE = ("Ada", "Bob", "Chloé")
SUBJECTS = (
    "Search homes by city",
    "Show the cleaning plan of a week",
    "Fix the time zone of check-in messages",
    "Guests can ask for a late check-out",
    "Faster list of bookings",
)
ENVIRONMENTS = ("development", "staging", "production")


def iso(at: float) -> str:
    """As the ledger writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def repository(origin: Repository, releases: int, now: float) -> dict[str, str]:
    """Fill it with a history of so many releases and their ledger; gives what is live where."""
    step, lines = YEARS * 365 * DAY / releases, list[str]()
    total = releases + 6  # the last ones wait
    for number in range(1, total + 1):
        at = int(now - (releases - number + 3) * step - (0.2 + number % 9) * 7200)
        at = min(at, int(now) - 3600 * (total - number + 1))
        subject = SUBJECTS[number % len(SUBJECTS)]
        lines += _commit("refs/heads/develop", number, PEOPLE[number * 7 % 5 % 3], at, subject)
        lines += [f"from :{number - 1}"] if number > 1 else []
        lines += ["M 100644 inline file", f"data {len(str(number))}", str(number), ""]
    marks = origin.folder / "marks"
    origin.git("fast-import", "--quiet", f"--export-marks={marks}", stdin="\n".join(lines))
    ids = dict(line.split() for line in marks.read_text().splitlines())
    happened = [*events([ids[f":{number}"] for number in range(1, releases + 1)], now)]
    lines = []
    for number, event in enumerate(sorted(happened, key=lambda each: each.at), 1):
        text = json.dumps({**event.document(), "version": 1})
        lines += _commit(REF, number, "desk", int(seconds_of(event.at)), event.subject)
        lines += [f"from :{number - 1}"] if number > 1 else []
        lines += [f"M 100644 inline {LEDGER_FILE}", f"data {len(text.encode())}", text, ""]
    origin.git("fast-import", "--quiet", stdin="\n".join(lines))
    live = {
        each.environment: each.commit
        for each in happened
        if each.kind in ("release", "rollback") and each.ending == "done"
    }
    origin.git("update-ref", "refs/heads/staging", live["staging"])
    origin.git("update-ref", "refs/heads/main", live["production"])
    return live


def _commit(ref: str, mark: int, person: str, at: int, subject: str) -> list[str]:
    when = f"{person} <person@example.org> {at} +0000"
    head = [f"commit {ref}", f"mark :{mark}", f"author {when}", f"committer {when}"]
    return [*head, f"data {len(subject.encode())}", subject]


def events(commits: Sequence[str], now: float) -> Iterator[Event]:
    """A release of each commit, evenly over two years and the chain; some fail, some are rolled back."""
    releases = len(commits)
    step = YEARS * 365 * DAY / releases
    live = dict.fromkeys(ENVIRONMENTS, "")
    for number in range(1, releases + 1):
        commit = commits[min((number - 1) // 3 * 3 + 2, releases - 1)]  # it goes along the chain
        at, name = now - (releases - number) * step - 7200, ENVIRONMENTS[(number - 1) % 3]
        common = (f"v{number}", commit, PEOPLE[number % 5 % 3], iso(at), f"r{number}")
        ending = "failed" if number % 17 == 0 else "done"
        yield Event(name, "release", ending, *common, {"live": live[name] or None})
        if name == "production" and number % 15 == 3 and ending == "done" and live[name]:
            back = (f"v{releases + number}", live[name], "Ada", iso(at + 1500), f"b{number}")
            yield Event(name, "rollback", "done", *back, {"bad": commit})
            yield Event(name, "release-hold", "done", "", "", "Ada", iso(at + 1600), f"h{number}")
        elif ending == "done":
            live[name] = commit
    yield from _proofs(commits, now)


def _proofs(commits: Sequence[str], now: float) -> Iterator[Event]:
    for number in range(12):
        common = ("", commits[number], "CI", iso(now - (12 - number) * 3 * DAY), f"p{number}")
        slow = 180 + 15 * number % 70
        load = {"endpoints": {"GET /": {"p95": slow}, "GET /homes": {"p95": slow + 40}}}
        passed = number != 7
        detail: dict[str, Any] = {"what": "load", "level": "peak", "load": load}
        verdict = {"verdict": "passed" if passed else "failed"}
        yield Event("staging", "proof", "done" if passed else "failed", *common, {**detail, **verdict})
    drill = {"what": "drill", "seconds": 41.5, "caught": "`/` answered 500"}
    yield Event("staging", "proof", "done", "", commits[9], "Ada", iso(now - 5 * DAY), "d1", drill)
    for number in range(3):
        taken = datetime.fromtimestamp(now - number * DAY - 3600, UTC)
        backup = f"{taken:%Y%m%dT%H%M%SZ}-{number:08x}-daily-{number:04x}"
        detail = {"backup": backup, "proven": True, "bytes": 48_000_000, "rows": 812_345 - 900 * number}
        common = ("v1", commits[9], "CI", iso(now - number * DAY - 3000), f"k{number}")
        yield Event("production", "backup", "done", *common, detail)


def looks(folder: Path, number: int, now: float) -> None:
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
