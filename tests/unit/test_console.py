"""Output to people, and the one document to programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts import VERSION
from scripts.config.outcome import Outcome
from scripts.console import Console
from scripts.errors import Refused
from scripts.git.client import Commit
from scripts.release.plan import decide
from scripts.release.plan_text import words
from scripts.release.request import DeployRequest
from scripts.system.secret import MASK, remember
from tests.unit.release.samples import PROMOTE


def said(tell: Callable[[Console], object]) -> str:
    """What a console writes for people."""
    stream = io.StringIO()
    tell(Console(stream=stream, out=stream))
    return stream.getvalue()


# ---------------------------------------------------------------------------------------- GitHub


def test_a_job_gets_a_summary_and_annotations(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the plan as it was shown, and without secrets; elsewhere nothing is written."""
    remember("a-secret-of-a-job")
    finding = {"file": "a.sql", "line": 2, "severity": "warning", "message": "a-secret-of-a-job breaks"}
    outcome = Outcome.failed("no: a-secret-of-a-job", annotations=[finding])

    def tell(console: Console) -> None:
        console.show(["the plan of a-secret-of-a-job"])
        console.finish(DeployRequest(env="staging"), outcome)

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert "::warning" not in said(tell)
    assert not (tmp_path / "summary.md").exists()

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert f"::warning file=a.sql,line=2,title=release desk::{MASK} breaks" in said(tell)
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith(f"### Deploy staging: failed\n\n```text\nno: {MASK}\n```\n")
    assert f"the plan of {MASK}" in text


# ---------------------------------------------------------------------------------------- finish


def test_results_are_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """What a step says, and what to type next, is on standard error."""
    console = Console()
    console.note("a note")
    console.finish(DeployRequest(), Outcome.done("it is live", "next: `invoke status`"))

    assert capsys.readouterr() == ("it is live\n", "   a note\nnext: `invoke status`\n")


def test_errors_are_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets results alone."""
    Console().finish(DeployRequest(), Outcome.failed("no"))

    assert capsys.readouterr() == ("", "error: no\n")


@pytest.mark.parametrize(("reports", "out"), [(True, "a line\n"), (False, "")])
def test_the_lines_of_a_report_are_its_result(
    reports: bool, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--plan` the plan is what was asked for; before a run it is progress."""
    Console(reports=reports).show(["a line"])
    Console(as_json=True, reports=True).show(["for people"])

    seen = capsys.readouterr()
    assert seen.out == out
    assert seen.err.endswith("for people\n")


def test_a_reader_who_leaves_ends_nothing() -> None:
    """`| head -1`: no traceback, and the task goes on."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    stream = io.StringIO()
    Console(stream=stream, out=Gone()).finish(DeployRequest(), Outcome.done("it is live", "next: x"))
    assert stream.getvalue() == "next: x\n"


def test_with_json_one_document_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs read standard output, people the same words on standard error."""
    Console(as_json=True).finish(
        DeployRequest(), Outcome.done("it is live", release="v1", at=datetime(2024, 1, 1, tzinfo=UTC))
    )
    seen = capsys.readouterr()

    expected = {
        "ending": "done",
        "code": 0,
        "message": "it is live",
        "hint": None,
        "desk": VERSION,
        "release": "v1",
        "at": "2024-01-01 00:00:00+00:00",
    }

    assert expected == json.loads(seen.out)
    assert seen.err == "it is live\n"


def test_a_failure_is_an_error_with_a_hint() -> None:
    """`error:` in lower case, then what can be typed."""
    failed = Outcome.of(Refused("there is no `x`", "`invoke status`"))

    assert (
        said(lambda to: to.finish(DeployRequest(), failed))
        == "error: there is no `x`\n\nhint: `invoke status`\n"
    )


def test_nothing_to_do_is_no_error() -> None:
    """A good ending does not begin with `error:`."""
    assert said(lambda to: to.finish(DeployRequest(), Outcome.nothing("as it was"))) == "as it was\n"


AWKWARD = [
    'pa"ss-word',
    "back\\slash",
    "söcret-wörd",
    "with\ttab-inside",
    "two\nlines-of-it",
    "esc\x1bape-char",
    "a b&c=d/e",
]


@pytest.mark.parametrize("secret", AWKWARD, ids=repr)
def test_a_secret_in_a_message_is_masked_on_both_streams(
    secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever characters it has, it is neither in the document nor in the words to people."""
    remember(secret)

    Console(as_json=True).finish(
        DeployRequest(), Outcome.failed(f"<{secret}>", f"<{secret}>", deep=[{"key": f"<{secret}>"}])
    )
    seen = capsys.readouterr()
    document = json.loads(seen.out)

    masked = f"<{MASK}>"

    assert (masked, masked, [{"key": masked}]) == (document["message"], document["hint"], document["deep"])
    assert f"error: {masked}\n\nhint: {masked}\n" == seen.err


@pytest.mark.parametrize("secret", ["message", "failed", '"code":'])
def test_a_weak_secret_does_not_break_the_document(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A password that is a word of the contract leaves the contract's keys and endings as they are."""
    remember(secret)

    Console(as_json=True).finish(DeployRequest(), Outcome.failed("no"))

    assert json.loads(capsys.readouterr().out) == {
        "ending": "failed",
        "code": 1,
        "message": "no",
        "hint": None,
        "desk": VERSION,
    }


# ---------------------------------------------------------------------------------------- steps and notes


def test_a_step_is_one_line_of_a_log() -> None:
    """As it begins; notes follow."""

    def tell(to: Console) -> None:
        to.begin("build", "the commit")
        to.end("build", "done", 1.25)
        to.note("a note")
        to.note("\nheading")

    assert said(tell) == "-> build     the commit\n   a note\n\nheading\n"


def test_untrusted_text_starts_no_line() -> None:
    """A commit subject that looks like a CI command stands behind ours."""
    facts = replace(
        PROMOTE, commits=(Commit("a" * 40, "::error::x", "2024-01-01", "::set-output name=x::y\r\x1b[2J"),)
    )

    shown = said(lambda to: to.show(words(decide(facts))))

    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert "\x1b" not in shown


# ---------------------------------------------------------------------------------------- confirm


class Terminal(io.StringIO):
    """Somebody at a keyboard."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(
    ("typed", "yes"),
    [
        ("production\n", True),
        ("  production \n", True),
        ("prod\n", True),
        ("y\nproduction\n", True),
        ("y\nyes\n", False),
        ("y\nyes\nproduction\n", False),
        ("", False),
        ("\n", False),
        ("Production\n", False),
        ("pro\n", False),
    ],
)
def test_the_name_or_an_alias_confirms(typed: str, yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guarded environment is confirmed by typing what it is called; a slip is asked again, once."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))

    assert Console(stream=io.StringIO()).confirm("production", "prod") is yes


@pytest.mark.parametrize(
    ("language", "typed", "agreed"),
    [
        ("en", "yes", True),
        ("en", "oui", False),
        ("fr", "oui", True),
        ("fr", "yes", True),
        ("fr", "non", False),
    ],
)
def test_oui_is_a_yes_in_french(
    language: str, typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In English it is an answer like any other."""
    monkeypatch.setenv("AIRHOST_LANG", language)
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))

    assert Console(stream=io.StringIO()).agree("drop it?") is agreed


@pytest.mark.parametrize(
    ("stdin", "as_json"), [(io.StringIO("production\n"), False), (Terminal("production\n"), True)]
)
def test_without_a_person_nothing_is_confirmed(
    stdin: io.StringIO, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe can't confirm, and neither can a program that reads JSON."""
    monkeypatch.setattr(sys, "stdin", stdin)

    assert not Console(as_json, io.StringIO()).confirm("production")
