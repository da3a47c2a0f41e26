"""Colours and lines that fit."""

from __future__ import annotations

import io
import time

import pytest

from scripts import terminal


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.parametrize(
    ("environment", "stream", "coloured"),
    [
        ({}, Screen(), True),
        ({}, io.StringIO(), False),
        ({"NO_COLOR": "1"}, Screen(), False),
        ({"NO_COLOR": ""}, Screen(), True),
        ({"TERM": "dumb"}, Screen(), False),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"FORCE_COLOR": "0"}, io.StringIO(), False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Screen(), False),
    ],
)
def test_who_gets_colours(
    environment: dict[str, str], stream: io.StringIO, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal does, unless a variable says otherwise."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.colours(stream) is coloured


def test_marks_are_painted_and_nothing_else() -> None:
    """The words themselves stay readable without colour."""
    text = "error: no\n\nhint: `x`\na hint: here is none"
    assert terminal.painted(text, Screen()) == (
        "\x1b[31merror:\x1b[0m no\n\n\x1b[36mhint:\x1b[0m `x`\na hint: here is none"
    )
    assert terminal.painted(text, io.StringIO()) == text


def test_long_lines_break_between_words_and_commands_never() -> None:
    """What is pasted stays whole; a list keeps its bar; a log has lines as they are."""
    text = (
        "hint: `invoke promote --to staging --accept-partial-proof` or something else that is rather long"
    )
    lines = terminal.wrapped(text, Screen()).split("\n")

    assert " ".join(line.strip() for line in lines) == text
    assert any("`invoke promote --to staging --accept-partial-proof`" in line for line in lines)
    assert all(len(line) <= 40 or "`" in line for line in lines)
    assert terminal.wrapped(f"  | {'word ' * 20}", Screen()).count("\n  | ") >= 2
    assert terminal.wrapped(text, io.StringIO()) == text
    assert terminal.wrapped("x" * 90, Screen()) == "x" * 90


def test_a_closed_stream_is_no_terminal() -> None:
    """The desk may outlive its reader."""
    stream = Screen()
    stream.isatty = lambda: (_ for _ in ()).throw(ValueError())  # type: ignore[method-assign]
    assert terminal.live_width(stream) == 0


def test_a_page_is_a_link_in_a_terminal() -> None:
    """What is no whole path of a page stays as it is; a file or a pipe gets the path."""
    text = "the report: `/tmp/a b/report.html`; `cat /tmp/x.html`"

    assert "`file:///tmp/a%20b/report.html`" in terminal.wrapped(text, Screen())
    assert "`cat /tmp/x.html`" in terminal.wrapped(text, Screen())
    assert terminal.wrapped(text, io.StringIO()) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("frozen until 2026-11-30T13:38:24+00:00 by Ada", "frozen until 2026-11-30 14:38 CET by Ada"),
        ("(2026-07-01T22:30:00.123+00:00)", "(2026-07-02 00:30 CEST)"),
        ("`--until 2026-11-30T13:38:24+00:00`", "`--until 2026-11-30T13:38:24+00:00`"),
        ("2026-13-30T13:38:24+00:00", "2026-13-30T13:38:24+00:00"),
        ("2026-11-30T13:38:24+02:00", "2026-11-30T13:38:24+02:00"),
    ],
)
def test_moments_are_those_of_this_clock(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A team in Paris reads its own time, with the zone; what is to be pasted stays."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        assert terminal.with_local_times(text, "%Y-%m-%d %H:%M") == shown
    finally:
        monkeypatch.undo()
        time.tzset()
