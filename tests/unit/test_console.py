"""Output to people, and the one document to programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts import console as scripts_console
from scripts.config.outcome import Outcome
from scripts.console import Console, age, short
from scripts.errors import Refused
from scripts.git.client import Commit
from scripts.release.dora import Figures
from scripts.release.facts import Facts
from scripts.release.plan import decide, words
from scripts.release.request import DeployRequest, HistoryRequest, StatusRequest
from scripts.secrets.request import CheckRequest, DiffRequest
from scripts.system.secret import MASK, remember
from tests.support.processes import wait_until
from tests.unit.release.samples import LOCK, ONE, PROMOTE, RELEASED, TWO


def said(tell: Callable[[Console], object]) -> str:
    """What a console writes for people."""
    stream = io.StringIO()
    tell(Console(stream=stream))
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


def test_without_json_nothing_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """People read standard error."""
    Console().finish(DeployRequest(), Outcome.done("it is live", "next: `invoke status`"))

    assert capsys.readouterr() == ("", "it is live\nnext: `invoke status`\n")


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
    }


# ---------------------------------------------------------------------------------------- steps and notes


def test_steps_are_announced_with_their_end() -> None:
    """Each step says what it does, and how it ended after how long."""

    def tell(to: Console) -> None:
        to.begin("build", "the commit")
        to.end("build", "done", 1.25)
        to.note("a note")
        to.note("\nheading")

    assert said(tell) == "-> build    the commit\n   build    done in 1.2 s\n   a note\n\nheading\n"


def test_a_long_step_says_that_it_is_still_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches knows that it goes on, and after its end it is silent."""
    monkeypatch.setattr(scripts_console, "TICK", 0.02)
    stream = io.StringIO()
    console = Console(stream=stream)

    console.begin("build", "")

    assert wait_until(lambda: "still running after" in stream.getvalue(), 3)

    console.end("build", "done", 0.1)
    wait_until(lambda: False, 0.1)
    ended = stream.getvalue()
    wait_until(lambda: False, 0.1)

    assert ended == stream.getvalue()


def test_untrusted_text_starts_no_line() -> None:
    """A commit subject that looks like a CI command stands behind ours."""
    facts = replace(
        PROMOTE, commits=(Commit("a" * 40, "::error::x", "2024-01-01", "::set-output name=x::y\r\x1b[2J"),)
    )

    shown = said(lambda to: to.show(words(decide(facts))))

    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert "\x1b" not in shown


# ---------------------------------------------------------------------------------------- plan and tables


def test_a_plan_reads_whole() -> None:
    """Commits, migrations, steps, the point of no return and the way back are shown."""
    shown = said(lambda to: to.show(words(decide(replace(PROMOTE, committed=(ONE, TWO))))))

    for part in (
        "promote `aaaaaaaaaaaa` to staging from development",
        "  | aaaaaaaaaaaa 2024-01-02 Ada: better",
        "  migration 2_x.sql",
        "  migrate   apply 1 migration",
        "  point of no return: migrate; way back: publish `v1`",
    ):
        assert part in shown


def test_many_commits_are_cut() -> None:
    """A long list ends with how many there are more."""
    commits = tuple(Commit(f"{number:040}", "Ada", "2024-01-01", "x") for number in range(30))

    shown = said(lambda to: to.show(words(decide(replace(PROMOTE, commits=commits)))))

    assert "  | and 10 more\n" in shown
    assert shown.count("  | ") == 21


@pytest.mark.parametrize("facts", [RELEASED, replace(PROMOTE, lock=LOCK)], ids=["nothing", "refused"])
def test_a_plan_that_is_not_carried_out_shows_no_steps(facts: Facts) -> None:
    """What will not happen is not listed."""
    assert "point of no return" not in said(lambda to: to.show(words(decide(facts))))


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
    """One row per environment, the problems below, free of escapes."""
    shown = said(lambda to: to.finish(StatusRequest(), Outcome.done("looked", **STATUS)))

    for part in (
        "environment",
        "staging aaaaaaaaaaaa",
        "2 / 1",
        "  staging: nothing was released here yet",
        "looked",
    ):
        assert part in shown
    assert "\x1b" not in shown


def test_figures_are_a_table() -> None:
    """In place of the events, in units that people read."""
    figures = Figures("staging", 30, 6, 1.4, 7200.0, 8, 2, 0.25, None)
    data: dict[str, Any] = {"events": [], "stats": [figures.document()]}
    shown = said(lambda to: to.finish(HistoryRequest(), Outcome.done("0 events", **data)))

    for part in ("staging", "30 d", "1.4", "2 h", "25%", "-"):
        assert part in shown


def test_the_history_is_a_table() -> None:
    """One row per event."""
    event = {
        "at": "2024",
        "environment": "staging",
        "release": "v1",
        "kind": "release",
        "commit": "a" * 40,
        "ending": "done",
        "actor": "Ada \x1b[1m",
    }
    shown = said(lambda to: to.finish(HistoryRequest(), Outcome.done("1 event", events=[event])))

    for part in ("v1", "release", "aaaaaaaaaaaa", "done", "Ada"):
        assert part in shown
    assert "\x1b" not in shown


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
    """Twelve digits, or a dash for nothing."""
    assert (short("a" * 40), short(None), short("")) == ("a" * 12, "-", "-")


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

    shown = said(lambda to: to.finish(CheckRequest(), Outcome.failed("2 findings", **data)))

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

    shown = said(lambda to: to.finish(DiffRequest(), Outcome.done("1 difference", **data)))

    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "variable staging (digest) production (digest) kind" in lines
    assert "A differs ab12 - secret" in lines
    assert lines[-2:] == ["replit of staging: `B`: only there", "1 difference"]


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
        ("y\n", False),
        ("yes\n", False),
        ("", False),
        ("\n", False),
        ("prod\n", False),
        ("Production\n", False),
    ],
)
def test_only_the_full_name_confirms(typed: str, yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guarded environment is confirmed by typing its name, and by nothing shorter."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))

    assert Console(stream=io.StringIO()).confirm("production") is yes


@pytest.mark.parametrize(
    ("stdin", "as_json"), [(io.StringIO("production\n"), False), (Terminal("production\n"), True)]
)
def test_without_a_person_nothing_is_confirmed(
    stdin: io.StringIO, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe can't confirm, and neither can a program that reads JSON."""
    monkeypatch.setattr(sys, "stdin", stdin)

    assert not Console(as_json, io.StringIO()).confirm("production")
