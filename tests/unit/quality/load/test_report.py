"""The reports of a load test for programs: complete, well-formed, harmless whatever an app answers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from scripts.config.load_settings import Limits, Stage
from scripts.quality.load import report as reports
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.report import Report
from scripts.quality.load.verdict import Check, Verdict
from scripts.quality.standing import Standing
from tests.support.load_reports import STRESS
from tests.support.load_reports import report as made
from tests.unit.quality.load.runs import report as process
from tests.unit.quality.load.runs import run

JUDGED = ("limit", "change", "verdict")
HOSTILE = "<script>|\x1b]]>&"
SLOW = Check("total", "p95", 900.0, 800, True)
FAST = Check("home", "p50", 100.0, 800, False)
UNKNOWN = Check("book", "requests", None, 1, None, "it was never seen")
SLOWER, SAME = Comparison("home", "p95", 100, 130, 15), Comparison("home", "p50", 100, 101, 15)
FAILED = Verdict("failed", (str(SLOW),), (SLOW, FAST, UNKNOWN), (SLOWER, SAME))
ERRORS = [{"name": "home", "error": HOSTILE, "count": 3}]
REPORT = Report(
    verdict=FAILED,
    run=run(process(failed=3, errors=ERRORS)),
    plan=LoadPlan("steady", "open", 20, 1, (Stage(20),), writes=True),
    where="staging",
    limits=Limits(p95=800),
    facts=[("commit", "a" * 40), ("environment", HOSTILE)],
    standing=Standing(False, "no proof: the run failed"),
    leftovers=["test data is left"],
    markers=[(0.0, "aaaa"), (9.0, HOSTILE)],
    notes=["left out: book"],
)


def suite_of(report: Report) -> ET.Element:
    """The JUnit report, parsed: it is well-formed."""
    return ET.fromstring(reports.junit(report))  # noqa: S314 - our own text


def test_the_document_has_every_figure() -> None:
    """Times in ms, rates per second."""
    document = reports.document(REPORT)

    assert (document["verdict"], document["reasons"]) == ("failed", [str(SLOW)])
    assert {*document["endpoints"]} == {"home", "book"}
    assert {key: document["total"][key] for key in document["total"] if key not in JUDGED} == {
        "requests": 400, "failed": 3, "failures": 0.0075, "rate": 20.0,
        "p50": 100.0, "p95": 100.0, "p99": 100.0, "min": 100.0, "max": 100.0,
    }  # fmt: skip
    assert [document["total"][key] for key in JUDGED] == [document["checks"][0], None, "over"]
    home, book = document["endpoints"]["home"], document["endpoints"]["book"]
    assert [home[key] for key in JUDGED] == [document["checks"][1], 0.3, "slower"]
    assert (book["requests"], book["p95"], book["verdict"]) == (0, None, "unknown")
    assert document["proof"] == {"counts": False, "said": "no proof: the run failed"}
    assert [check["holds"] for check in document["checks"]] == [False, True, None]
    assert [row["regression"] for row in document["baseline"]] == [True, False]
    assert document["errors"] == [{"endpoint": "home", "error": HOSTILE, "count": 3}]
    assert (document["left"], document["notes"]) == (["test data is left"], ["left out: book"])


def test_a_run_without_measurements_has_a_document_and_reports() -> None:
    """Another commit was served: there was no load."""
    empty = replace(REPORT, verdict=Verdict("inconclusive", ("another commit",)), run=None)
    document = reports.document(empty)

    assert (document["endpoints"], document["total"], document["errors"]) == ({}, None, [])
    assert "| endpoint" not in reports.markdown(empty)
    assert (document["stages"], document["broke"]) == ([], None)


def test_junit_counts_failures_and_doubts() -> None:
    """A broken threshold and a regression are failures, an unseen endpoint is an error."""
    suite = suite_of(REPORT)

    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "6",
        "failures": "3",
        "errors": "1",
    }
    outcomes = {case.get("name"): [child.tag for child in case] for case in suite}
    assert outcomes == {
        "verdict": ["failure"],
        "total p95": ["failure"],
        "home p50": [],
        "book requests": ["error"],
        "home p95 regression": ["failure"],
        "home p50 regression": [],
    }


@pytest.mark.parametrize(
    ("name", "tag"), [("passed", None), ("failed", "failure"), ("inconclusive", "error")]
)
def test_the_verdict_is_a_case_of_its_own(name: Any, tag: str | None) -> None:
    """CI shows it first."""
    verdict = replace(FAILED, name=name, checks=(), comparisons=())
    (case,) = suite_of(replace(REPORT, verdict=verdict))

    assert [child.tag for child in case] == ([tag] if tag else [])


def test_markdown_tables_can_t_be_broken() -> None:
    """Whatever stands in a cell."""
    text = reports.markdown(replace(REPORT, notes=[HOSTILE + "\n# heading"]))

    assert "| home | 400 | 3 | 100 | 100 | 100 | 100 |" in text
    assert "| total | 400 | 3 |" in text
    assert "| home | p95 | 100 | 130 | +30% | 15 | REGRESSION |" in text
    assert "<script>" not in text
    assert "\n# heading" not in text


def test_a_run_that_was_stopped_early_has_the_rate_that_it_had() -> None:
    """Over the seconds that were played, not over those that were planned."""
    long = replace(REPORT.plan, stages=(Stage(300),))

    assert reports.document(replace(REPORT, plan=long))["total"]["rate"] == pytest.approx(
        400 / 300, rel=0.01
    )
    stopped = replace(REPORT, plan=long, run=run(complete=False))
    assert reports.document(stopped)["total"]["rate"] == 20


def test_a_run_with_stages_says_where_it_broke() -> None:
    """For programs and for pull requests."""
    report = made(STRESS)
    document, text = reports.document(report), reports.markdown(report)

    assert [stage["verdict"] for stage in document["stages"]] == ["ok", "ok", "ok", "over", "over"]
    assert document["broke"].startswith(
        "It held 60 requests/s; at 80 requests/s (stage 4 of 5) it broke: p95"
    )
    assert document["broke"] in text
    assert "| 4 | 80 requests/s | over | 4800 |" in text
