"""The HTML reports in French: no text of the English ones is left but data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from scripts import language
from scripts.quality import html_tests
from scripts.quality.cases import Case
from scripts.quality.load.page import page
from scripts.quality.load.report import Report
from scripts.quality.standing import Standing
from scripts.quality.verdict import judge
from tests.support.html_reader import Reader
from tests.support.load_reports import LIMITS, SHARES, STEADY, STRESS, report

WORD = re.compile(r"[A-Za-z]{3,}")
SAME = {"commit", "machine", "verdict", "suite", "Suites", "tests", "Tests", "test"}  # in both languages
DATA = re.compile(
    r"total( \w+)?|stress|.*https://.*|x86_64|[0-9a-f]{7,}|test_.*|5 min"
)  # `total p95`: a key
MARKS = [(112.0, "v5 release by Ann"), (118.0, "403f229a1b2c is served"), (250.0, "v4 rollback by Quinn")]
FACTS = [
    ("environment", "https://staging.example.org"),
    ("commit", "403f229a1b2c"),
    ("load", STRESS.label),
    ("machine", "x86_64"),
    ("baseline", "none yet"),
    ("at", "2026-11-30T10:50:00+00:00, Quinn"),
]
CASES = [
    Case("test_a.T::one", "failed", 3.0, "AssertionError"),
    Case("test_a.T::two", "passed", 1.5),
    Case("test_b::three", "void", 1234.5, "it passed on a retry only"),
    Case("test_b::four", "skipped", 0.0),
    Case("test_b::five", "error", 0.5),
]


NOTES = [
    "left out, because the environment allows no writes: book",
    "too few requests to compare with another run: book",
]


def that_broke() -> str:
    """The report of a run that broke, with all that a report can show."""
    return page(report(STRESS, markers=MARKS, facts=FACTS, notes=NOTES))


def of_tests() -> str:
    """The report of browser tests, with each ending."""
    verdict = judge(CASES, exit_code=1, wanted=1, served=("a" * 40, "a" * 40))
    counts = ", ".join(f"{number} {name}" for name, number in verdict.counts.items())
    facts = [*FACTS[:2], ("suite", "smoke, only `x`"), ("tests", counts), FACTS[-1]]
    said = "no proof: the run failed; an earlier pass of the same files counts no longer"
    return html_tests.page(verdict, facts, {}, said)


def doubtful() -> Report:
    """A run that proves nothing."""
    verdict = replace(
        report(STEADY).verdict, name="inconclusive", reasons=("not one request was measured",)
    )
    standing = Standing(False, "no proof: the run is inconclusive; nothing is recorded")
    return replace(report(STEADY), verdict=verdict, standing=standing)


REPORTS: dict[str, Callable[[], str]] = {
    "load that broke": that_broke,
    "slower load": lambda: page(report(STEADY, slow=1.4)),
    "load that passed": lambda: page(report(STEADY)),
    "limits far above": lambda: page(report(STEADY, limits=LIMITS._replace(p95=9000, p99=9500, rate=15))),
    "load in doubt": lambda: page(doubtful()),
    "browser tests": of_tests,
}


def texts(made: str) -> set[str]:
    """All that is read or heard, without what others wrote."""
    read = Reader(made)
    heard = [attrs[name] or "" for _, attrs in read.tags for name in ("aria-label",) if attrs.get(name)]
    data = {*SHARES, *(case.name for case in CASES), "AssertionError"}
    return {text.strip() for text in (*read.words, *heard)} - data


@pytest.mark.usefixtures("in_paris")
@pytest.mark.parametrize("name", REPORTS)
def test_a_french_report_is_french(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text with a word is another one than in English, and the catalogue has all of them."""
    english = texts(REPORTS[name]())
    missed: list[str] = []
    monkeypatch.setenv("AIRHOST_LANG", "fr")
    monkeypatch.setattr(language, "missed", [missed.append])
    made = REPORTS[name]()
    french = texts(made)

    assert made.startswith('<!doctype html><html lang="fr">')
    left = {text for text in english & french if WORD.search(text) and not DATA.fullmatch(text)}
    assert left - SAME == set()
    assert missed == []
    assert len(french) > 20


@pytest.mark.usefixtures("in_paris")
def test_numbers_and_times_are_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decimal comma, a blank before the per cent sign, the day first, by his clock."""
    english = Reader(that_broke()).text
    monkeypatch.setenv("AIRHOST_LANG", "fr")
    french = Reader(that_broke()).text

    assert ("2026-11-30 11:50 CET, Quinn" in english, "30/11/2026 11:50 CET, Quinn" in french) == (
        True,
        True,
    )
    assert ("(1.32%)" in english, "(1,32 %)" in french) == (True, True)
    assert re.findall(r"\d\.\d", french) == []
    assert "2.5 min" in english
    assert "2,5 min" in french
    assert "1234,5 s" in Reader(of_tests()).text


def test_what_others_wrote_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of tests and endpoints, what a failed test said, though the catalogue has these texts."""
    monkeypatch.setenv("AIRHOST_LANG", "fr")
    cases = [
        Case("passed::failed", "failed", 1.0, "Requests per second"),
        Case("passed::now", "passed", 1.0),
    ]
    verdict = judge(cases, exit_code=1, wanted=1, served=("a" * 40, "a" * 40))
    read = Reader(html_tests.page(verdict, [], {}))

    assert "passed" in read.rows[1]
    assert "Requests per second" in read.words
    rows = Reader(page(report(STEADY, {"now": 0.5, "passed": 0.5}))).rows
    assert {row[0] for row in rows} >= {"now", "passed"}
