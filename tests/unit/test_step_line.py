"""One line a step: in a terminal, and in a log."""

from __future__ import annotations

import io
import re

import pytest

from scripts import step_line
from scripts.console import Console
from tests.support.processes import wait_until


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_a_long_step_says_that_it_is_still_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches knows that it goes on, and after its end it is silent."""
    monkeypatch.setattr(step_line, "TICK", 0.02)
    stream = io.StringIO()
    console = Console(stream=stream)

    console.begin("build", "")

    assert wait_until(lambda: "still running after" in stream.getvalue(), 3)

    console.end("build", "done", 0.1)
    wait_until(lambda: False, 0.1)
    ended = stream.getvalue()
    wait_until(lambda: False, 0.1)

    assert ended == stream.getvalue()


def test_a_log_names_a_failure_and_a_long_time() -> None:
    """A short step that is done is one line."""
    stream = io.StringIO()
    console = Console(stream=stream)
    for ending, seconds in (("done", 1.0), ("failed", 1.0), ("done", 61.0)):
        console.begin("build", "the commit")
        console.end("build", ending, seconds)

    line = "-> build     the commit\n"
    assert stream.getvalue() == (
        f"{line}{line}   build     failed in 1.0 s\n{line}   build     done in 61.0 s\n"
    )


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of 60 columns."""
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return Screen()


def shown(screen: Screen) -> list[str]:
    """What a person sees in the end: of a line that was erased, what was written after it."""
    lines = screen.getvalue().split("\n")
    return [re.sub(r"\x1b\[\d+m", "", line.rpartition(step_line.ERASE)[2]) for line in lines]


def test_a_terminal_has_one_line_for_each_step(screen: Screen) -> None:
    """Rewritten in place; what is said meanwhile stands above it."""
    console = Console(stream=screen, out=screen)
    console.expect({"build": 20.0})
    console.begin("build", f"the commit {'x' * 80}")
    assert "of about 20 s" in shown(screen)[-1]
    console.note("a note")
    console.end("build", "done", 3.25)
    console.begin("verify", "")
    console.end("verify", "failed", 1.0)

    seen = shown(screen)
    assert seen[0] == "   a note"
    assert seen[1].startswith(" ✓ build     the commit xxx")
    assert seen[1].endswith("… 3.2 s")
    assert seen[2].startswith(" ✗ verify")
    assert seen[2].endswith("failed after 1.0 s")
    assert max(map(len, seen)) <= 60


def test_the_line_is_drawn_again_while_it_runs(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """And never after its end."""
    monkeypatch.setattr(step_line, "REDRAWN", 0.01)
    console = Console(stream=screen)
    console.begin("build", "")
    assert wait_until(lambda: screen.getvalue().count(step_line.ERASE) >= 3, 3)
    console.end("build", "done", 1.0)
    ended = screen.getvalue()
    wait_until(lambda: False, 0.1)
    assert screen.getvalue() == ended


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_a_simple_terminal_is_a_log(
    name: str, value: str, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For screen readers and CI: no line is rewritten."""
    monkeypatch.setenv(name, value)
    console = Console(stream=screen)
    console.begin("build", "x")
    console.end("build", "done", 1.0)
    assert screen.getvalue() == "-> build     x\n"


def test_a_step_with_a_known_total_has_a_bar(screen: Screen) -> None:
    """In the step's line, in its width; a total that was an estimate may be passed."""
    console = Console(stream=screen)
    console.begin("dump", "of production")
    console.advance(30, 60, f"30 MB {'x' * 80}")
    console.note("a note")
    assert shown(screen)[-1].startswith("-> dump      █████░░░░░  50 % 30 MB xxx")
    console.advance(70, 60, "70 MB")
    console.note("another")
    assert "█████████  99 % 70 MB " in shown(screen)[-1]
    console.advance(60, 60, "60 MB")
    console.note("all of it")
    assert "██████████ 100 % 60 MB " in shown(screen)[-1]
    console.advance(70, 0, "70 MB of who knows")
    console.note("unknown")
    assert shown(screen)[-1].startswith("-> dump      70 MB of who knows")
    console.end("dump", "done", 3.0)

    assert shown(screen)[-2].startswith(" ✓ dump      of production")
    assert max(map(len, shown(screen))) <= 60


def test_a_bar_is_of_its_own_step_alone(screen: Screen) -> None:
    """The next step begins without it."""
    console = Console(stream=screen)
    console.begin("dump", "of production")
    console.advance(30, 60, "30 MB")
    console.end("dump", "done", 1.0)
    console.advance(31, 60, "31 MB")  # late
    console.begin("upload", "to the bucket")
    console.advance(31, 60, "31 MB", "backup", "dump")  # of a step beside it
    assert "to the bucket" in shown(screen)[-1]
    console.end("upload", "done", 1.0)


def test_a_log_has_no_bar_and_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line every few seconds, as of any long step; a figure costs no line of its own."""
    monkeypatch.setattr(step_line, "TICK", 0.02)
    stream = io.StringIO()
    console = Console(stream=stream)
    console.begin("dump", "")
    for done in range(1000):
        console.advance(done, 1000, f"{done} MB")

    assert wait_until(lambda: "   dump      99 %, 999 MB after" in stream.getvalue(), 3)
    console.end("dump", "done", 0.1)
    assert len(stream.getvalue().splitlines()) < 100
    assert "█" not in stream.getvalue()
