"""Results as tables, in the width of the terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.console import Console
from scripts.database.backups.request import ListBackupsRequest
from scripts.release.dora import Figures
from scripts.release.request import HistoryRequest, StatusRequest
from scripts.secrets.request import CheckRequest, DiffRequest
from scripts.table import Column, Table
from scripts.tables import age, backups, local, short, status


def finished(request: Request, outcome: Outcome) -> str:
    """What people see of a task that ended so."""
    stream = io.StringIO()
    Console(stream=stream, out=stream).finish(request, outcome)
    return stream.getvalue()


STATUS: dict[str, Any] = {
    "environments": [
        {
            "name": "staging",
            "branch": "staging",
            "head": "a" * 40,
            "live": None,
            "release": None,
            "released_at": None,
            "schema": None,
            "url": "https://staging.example.org",
            "lock": None,
            "hold": None,
            "pending": {"commits": 2, "migrations": 1},
            "problems": ["nothing was released here yet \x1b[2J"],
        }
    ]
}


def test_the_status_is_a_table_with_its_problems() -> None:
    """The first line says whether all is well; the problems come last, free of escapes."""
    shown = finished(StatusRequest(), Outcome.done("1 environment, 1 problem", **STATUS))

    assert shown.startswith("1 environment, 1 problem\n")
    for part in ("environment", "staging aaaaaaaa", "2 commits, 1 migration", "  staging: nothing was"):
        assert part in shown
    assert "\x1b" not in shown


def test_figures_are_a_table() -> None:
    """In place of the events, in units that people read."""
    figures = Figures("staging", 30, 6, 1.4, 7200.0, 8, 2, 0.25, None)
    data: dict[str, Any] = {"events": [], "stats": [figures.document()]}
    shown = finished(HistoryRequest(), Outcome.done("0 events", **data))

    for part in ("staging", "30 d", "1.4", "2 h", "25%", "-"):
        assert part in shown


ROW = {
    "at": "2024-01-01T10:00:00+00:00",
    "environment": "production",
    "release": "v12",
    "what": 'deploy aaaaaaaa "Say Paris to everybody who books a room in spring" \x1b[1m',
    "ending": "done",
    "actor": "Ada Lovelace (CI)",
}


def test_the_history_is_a_table() -> None:
    """One row per event, and how to see more."""
    data: dict[str, Any] = {"count": 3, "shown": [ROW]}
    shown = finished(HistoryRequest(), Outcome.done("3 events", **data))

    for part in ("v12", "Say Paris", "done", "2 older events: `invoke history -n 0`"):
        assert part in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_tables_fit_the_terminal(width: int) -> None:
    """Columns go by rank, and what is left over is cut with a mark; no word is broken over lines."""
    columns = (Column("environment"), Column("what", shrinks=True), Column("who", 1), Column("at", 2))
    rows = [("production", "x" * 50, "Ada Lovelace", "2024-01-01 10:00"), ("dev", "y", "Bob", "2024")]

    lines = Table(columns, rows).lines(width)

    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    assert ("2024" in lines[3]) is (width >= 120)
    assert all(line.startswith(("environment", "─", "production", "dev")) for line in lines)
    assert ("…" in lines[2]) is (width < 80)


def test_a_status_of_long_addresses_fits_80_columns() -> None:
    """The environment, its release and what is live stay."""
    one = {**STATUS["environments"][0], "url": "https://" + "x" * 60, "live": "b" * 40, "release": "v41"}
    lines = list(status({"environments": [one]}, 80))

    assert max(map(len, lines)) <= 80
    assert "v41" in lines[2]
    assert "bbbbbbbb" in lines[2]


def test_wide_characters_take_two_columns() -> None:
    """As a terminal draws them."""
    lines = Table((Column("a"), Column("b")), [("東京", "x"), ("paris!", "y")]).lines(80)
    assert lines[2:] == ["東京    x", "paris!  y"]


def test_the_time_is_this_machines() -> None:
    """Without its seconds."""
    assert (
        local("2024-01-01T10:00:00+00:00")
        == f"{datetime(2024, 1, 1, 10, tzinfo=UTC).astimezone():%F %H:%M}"
    )
    assert local("odd") == ""


@pytest.mark.parametrize("at", ["yesterday", "2024-01-01T00:00:00", "", None])
def test_the_age_of_an_odd_time_is_no_traceback(at: str | None) -> None:
    """A time that another desk wrote without a zone, or that is none, is shown somehow."""
    assert isinstance(age(at), str)


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "just now"), (125, "2 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")]
)
def test_the_age_has_its_largest_unit(seconds: int, text: str) -> None:
    """Hours after minutes, days after hours."""
    assert text == age((datetime.now(UTC) - timedelta(seconds=seconds)).isoformat())


def test_short_commits() -> None:
    """Eight digits, or a dash for nothing."""
    assert (short("a" * 40), short(None), short("")) == ("a" * 8, "-", "-")


def test_backups_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first; in a narrow terminal its id, its age and its proof stay."""
    monkeypatch.delenv("COLUMNS", raising=False)  # workers of the tests have it
    copy = {"place": "/var/backups", "state": "damaged", "why": "", "where": ""}
    old = {
        "backup": "20240101T100000Z-aaaaaaaa-daily-0001", "environment": "production", "bytes": 1_300_000,
        "at": "2024-01-01T10:00:00+00:00", "proven": True, "proven_at": None, "copies": [copy],
    }  # fmt: skip
    new = {**old, "backup": "20240102T100000Z-aaaaaaaa-daily-0002", "at": "2024-01-02T10:00:00+00:00",
           "bytes": None, "proven": False, "copies": []}  # fmt: skip
    data: dict[str, Any] = {"backups": [old, new]}
    shown = finished(ListBackupsRequest(), Outcome.done("2 backups", **data)).splitlines()

    assert [line.split()[0][:8] for line in shown[2:4]] == ["20240102", "20240101"]
    assert "no copy" in shown[2]
    assert "1 MB" in shown[3]
    assert "/var/backups: damaged" in shown[3]
    assert all("proven" in line and len(line) <= 80 for line in [*backups(data, 80)][2:])


FINDING = {
    "rule": "ENV001",
    "severity": "error",
    "file": ".env.staging",
    "line": 3,
    "offset": None,
    "message": "`A` has no value {",
    "hint": "give it one",
}


def test_findings_are_shown_with_their_place_also_after_a_failure() -> None:
    """A line where there is one, else the byte of a bundle; the hint below."""
    data: dict[str, Any] = {"findings": [FINDING, {**FINDING, "line": None, "offset": 17, "hint": None}]}

    shown = finished(CheckRequest(), Outcome.failed("2 findings", **data))

    assert shown.splitlines() == [
        "ENV001 error: .env.staging:3: `A` has no value {",
        "  give it one",
        "ENV001 error: .env.staging (byte 17): `A` has no value {",
        "error: 2 findings",
    ]


def test_differences_are_a_table_then_the_hosts_then_the_findings() -> None:
    """Values are shown as digests, and a missing one as a dash."""
    variable = {"name": "A", "state": "differs", "from": "ab12", "to": None, "public": False}
    drift = {"host": "replit", "environment": "staging", "name": "B", "state": "only there"}
    data: dict[str, Any] = {
        "from": "staging",
        "to": "production",
        "variables": [variable],
        "drift": [drift],
        "findings": [],
    }

    shown = finished(DiffRequest(), Outcome.done("1 difference", **data))

    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "variable state staging (digest) production (digest) kind" in lines
    assert "A differs ab12 - secret" in lines
    assert lines[-2:] == ["replit of staging: `B`: only there", "1 difference"]
