"""`--quiet`: no progress; what was asked for, warnings and errors stay."""

from __future__ import annotations

import io
import sys

import pytest

from scripts.config.outcome import Outcome
from scripts.console import Console
from scripts.errors import Refused
from scripts.release.request import DeployRequest


def quiet(*, reports: bool) -> tuple[Console, io.StringIO, io.StringIO]:
    """A console, its progress and its results."""
    stream, out = io.StringIO(), io.StringIO()
    return Console(stream=stream, out=out, reports=reports, quiet=True), stream, out


def work(console: Console) -> None:
    """What a task that changes something says."""
    console.show(["the plan"])
    console.begin("build", "abc")
    console.output("a program's words")
    console.note("a note")
    console.note("warning: a doubt")
    console.end("build", "failed", 99.0)


def test_a_task_that_changes_something_shows_its_end_and_its_warnings() -> None:
    """Also a failed step is told by the error alone."""
    console, stream, out = quiet(reports=False)
    work(console)
    console.finish(DeployRequest(env="dev"), Outcome.done("v3 is live"))

    assert (stream.getvalue(), out.getvalue()) == ("   warning: a doubt\n", "v3 is live\n")


def test_an_error_keeps_its_hint() -> None:
    """Who asks for silence still learns what to type."""
    console, stream, _ = quiet(reports=False)
    console.finish(DeployRequest(env="dev"), Outcome.of(Refused("no", "`invoke status`")))

    assert stream.getvalue() == "error: no\n\nhint: `invoke status`\n"


def test_a_task_that_reports_keeps_what_was_asked_for() -> None:
    """A plan with `--plan`, the lines of `doctor`."""
    console, stream, out = quiet(reports=True)
    work(console)

    assert out.getvalue() == "the plan\n"
    assert stream.getvalue() == "   a note\n   warning: a doubt\n"


def test_who_is_asked_sees_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody confirms what was not shown."""
    console, stream, _ = quiet(reports=False)
    terminal = io.StringIO("production\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    console.show(["production: v2 -> v3"])

    assert console.confirm("production")
    assert stream.getvalue() == "production: v2 -> v3\ntype `production` to go on: "
