"""What the monitor knows, on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from scripts.monitor.checks import Check, Look
from scripts.monitor.incidents import Incident
from scripts.monitor.store import FILE, Store

CHECK, HOUR = Check("production", "page /", "http"), 3600.0


def store(folder: Path) -> Store:
    """One whose notes are a failure."""
    return Store(folder, lambda note: (_ for _ in ()).throw(AssertionError(note)))


def test_old_looks_become_one_row_an_hour(tmp_path: Path) -> None:
    """Those that counted; figures that are too old go."""
    made = store(tmp_path)
    for minute in range(180):
        level = "bad" if minute < 30 else "good"
        made.add(CHECK, Look(level, seconds=minute / 1000), minute * 60, counts=minute < 170)  # type: ignore[arg-type]
    assert made.save()
    made.condense(2 * HOUR, 0)
    made.condense(2 * HOUR, 0)

    connection = sqlite3.connect(tmp_path / FILE)
    hours = connection.execute("select at, looks, bad, p50, p95 from hours order by at").fetchall()
    assert hours == [(0, 60, 30, 0.044, 0.058), (HOUR, 60, 0, 0.089, 0.116)]
    assert connection.execute("select count(*) from looks").fetchone() == (60,)
    made.condense(2 * HOUR, HOUR)
    assert connection.execute("select at from hours").fetchall() == [(HOUR,)]
    connection.close()


def test_an_incident_comes_back_as_it_was(tmp_path: Path) -> None:
    """What a newer desk wrote beside it is left out."""
    made, incident = (
        store(tmp_path),
        Incident("i1", "production", "page /", "bad", 5.0, "why", told=("down", "worse")),
    )
    made.keep(incident)
    made.remember("locks", {"production": ["ref", 5.0]})
    assert made.save()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("""update incidents set document = json_set(document, '$.newer', 1)""")
    connection.close()

    again = store(tmp_path)
    assert again.tracks([CHECK], 10.0)[CHECK.key].incident == incident
    assert again.recall("locks") == {"production": ["ref", 5.0]}
    assert again.untold() == []
    incident.ended = 9.0
    again.keep(incident)
    assert again.save()
    assert store(tmp_path).untold() == [incident]


def test_looks_long_ago_are_no_row_of_bad_looks(tmp_path: Path) -> None:
    """The monitor was off for a while."""
    made = store(tmp_path)
    for at in (1.0, 2.0, 2 * HOUR):
        made.add(CHECK, Look("bad", "x"), at, counts=True)
    assert made.save()

    assert list(store(tmp_path).tracks([CHECK], 2 * HOUR + 60)[CHECK.key].looks) == [("bad", 2 * HOUR)]
    assert made.pace(CHECK.key, 0.0) is None
