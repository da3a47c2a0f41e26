"""What the monitor knows, in SQLite: every look, every incident. A restart neither forgets nor repeats.

A pass is one transaction. Where it can't be written (disk full, locked, damaged) that is said, the watch
goes on with what it has in memory, and the next pass writes what is missing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from scripts.monitor.checks import Check, Look
from scripts.monitor.incidents import HOUR, Incident, Track
from scripts.monitor.judge import percentiles

FILE = "monitor.sqlite3"
BUSY = 5.0  # seconds that another process may write
MOST_UNSAVED = 50_000  # looks that wait in memory for a disk that takes them
RECENT = 48  # looks of a check that are read at the start
SCHEMA = """
create table if not exists looks (at real, environment text, name text, level text, seconds real,
  phases text, why text, counts integer);
create index if not exists looks_of_a_check on looks (environment, name, at);
create index if not exists looks_by_time on looks (at);
create table if not exists incidents (id text primary key, environment text, name text, began real,
  ended real, document text);
create table if not exists hours (at real, environment text, name text, looks integer, bad integer,
  p50 real, p95 real, primary key (environment, name, at));
create table if not exists memory (key text primary key, value text);
"""
Row = tuple[Any, ...]


class Store:
    """The database file of one desk.

    Args:
        note: tells people, once for each fault, that it can't be used.
    """

    def __init__(self, folder: Path, note: Callable[[str], None]) -> None:
        self._file = folder / FILE
        self._note = note
        self._said = ""
        self._looks: deque[Row] = deque(maxlen=MOST_UNSAVED)
        self._incidents: dict[str, Incident] = {}
        self._memory: dict[str, str] = {}
        self._connection: sqlite3.Connection | None = None

    def tracks(self, checks: Iterable[Check], now: float) -> dict[tuple[str, str], Track]:
        """The track of each check as it was left; empty ones where the file can't be read."""
        made = {check.key: Track() for check in checks}
        with suppress(sqlite3.Error, OSError):
            for key, track in made.items():
                self._fill(track, key, now)
            return made
        self._say("can't be read: what was known before is not used")
        return made

    def _fill(self, track: Track, key: tuple[str, str], now: float) -> None:
        connection = self._open()
        known = [
            _read(document)
            for (document,) in connection.execute(
                "select document from incidents where environment = ? and name = ?"
                " order by began desc limit ?",
                (*key, RECENT),
            )
        ]
        track.incident = next((each for each in known if each.ended is None), None)
        track.last = next((each for each in known if each.ended is not None), None)
        since = max(now - HOUR, (track.last and track.last.ended) or 0.0)
        rows = connection.execute(
            "select level, at from looks where environment = ? and name = ? and at > ? and counts"
            " order by at desc, rowid desc limit ?",
            (*key, since, RECENT),
        )
        track.looks = deque(reversed([(level, at) for level, at in rows]))

    def untold(self) -> list[Incident]:
        """The incidents of which people are still to be told something, oldest first."""
        with suppress(sqlite3.Error, OSError):
            rows = self._open().execute("select document from incidents order by began").fetchall()
            return [each for each in (_read(row[0]) for row in rows) if each.untold()]
        return []

    def remember(self, key: str, value: object) -> None:
        """Keep a small value beyond this process."""
        self._memory[key] = json.dumps(value)

    def recall(self, key: str) -> Any:
        """What was kept; None if nothing was."""
        with suppress(sqlite3.Error, OSError, ValueError):
            row = self._open().execute("select value from memory where key = ?", (key,)).fetchone()
            return json.loads(row[0]) if row else None
        return None

    def add(self, check: Check, look: Look, at: float, *, counts: bool) -> None:
        """Have a look written with the next `save`."""
        phases = json.dumps({name: round(ms, 1) for name, ms in look.phases.items()})
        self._looks.append((at, *check.key, look.level, look.seconds, phases, look.why, int(counts)))

    def keep(self, incident: Incident) -> None:
        """Have an incident written with the next `save`."""
        self._incidents[incident.id] = incident

    def save(self) -> bool:
        """Write what is new, in one transaction; whether it is on disk."""
        try:
            connection = self._open()
            with connection:
                connection.executemany("insert into looks values (?, ?, ?, ?, ?, ?, ?, ?)", self._looks)
                connection.executemany(
                    "insert or replace into incidents values (?, ?, ?, ?, ?, ?)",
                    [
                        (
                            each.id,
                            each.environment,
                            each.check,
                            each.began,
                            each.ended,
                            json.dumps(asdict(each)),
                        )
                        for each in self._incidents.values()
                    ],
                )
                connection.executemany("insert or replace into memory values (?, ?)", self._memory.items())
        except (sqlite3.Error, OSError) as fault:
            self._say(f"can't be written: {fault}")
            self._drop()
            return False
        self._looks.clear()
        self._incidents.clear()
        self._memory.clear()
        if self._said:
            self._said = ""
            self._note(f"`{self._file}` can be written again, and lacks nothing")
        return True

    def condense(self, before: float, oldest: float) -> None:
        """Make one row an hour of the looks before a time, and forget the hours that are too old.

        A look that did not count, because a release was at work, is in no hour.
        """
        with suppress(sqlite3.Error, OSError):
            connection = self._open()
            with connection:
                rows = connection.execute(
                    "select cast(at / ? as integer) * ?, environment, name, level = 'bad', seconds"
                    " from looks where at < ? and counts",
                    (HOUR, HOUR, before),
                )
                hours: dict[Row, list[Row]] = {}
                for at, environment, name, bad, seconds in rows:
                    hours.setdefault((at, environment, name), []).append((bad, seconds))
                connection.executemany(
                    "insert or replace into hours values (?, ?, ?, ?, ?, ?, ?)",
                    [(*hour, *_figures(looks)) for hour, looks in hours.items()],
                )
                connection.execute("delete from looks where at < ?", (before,))
                connection.execute("delete from hours where at < ?", (oldest,))

    def pace(self, key: tuple[str, str], since: float) -> tuple[float, float] | None:
        """p50 and p95 of the answers to a check since a time, in seconds; None without any."""
        with suppress(sqlite3.Error, OSError):
            rows = self._open().execute(
                "select seconds from looks where environment = ? and name = ? and at > ?"
                " and seconds is not null and level <> 'bad'",
                (*key, since),
            )
            return percentiles([seconds for (seconds,) in rows])
        return None

    def _open(self) -> sqlite3.Connection:
        """The connection, made when it is first needed, to a file that nobody else can read."""
        if self._connection is None:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self._file, timeout=BUSY, check_same_thread=False)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.executescript(SCHEMA)
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        """Begin again with a new connection: the file may have been replaced, or the disk be free again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            self._note(f"warning: `{self._file}` {what}; the watch goes on, and alarms are sent")


def _figures(looks: list[Row]) -> Row:
    """How many looks, how many of them bad, and how long the good answers took."""
    pace = percentiles([seconds for bad, seconds in looks if seconds is not None and not bad])
    return len(looks), sum(bad for bad, _ in looks), *(pace or (None, None))


def _read(document: str) -> Incident:
    """An incident as it was written, without fields that this desk does not know."""
    known, values = {each.name for each in fields(Incident)}, json.loads(document)
    return Incident(
        **{name: value for name, value in values.items() if name in known and name != "told"},
        told=tuple(values.get("told", ())),
    )
