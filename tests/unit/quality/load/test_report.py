"""The reports of a load test: complete, well-formed, and harmless whatever an app answers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from scripts.quality.load import report as reports
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.report import Report
from scripts.quality.load.verdict import Check, Verdict
from tests.unit.quality.load.runs import report as process
from tests.unit.quality.load.runs import run

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
    facts=[("commit", "a" * 40), ("environment", HOSTILE)],
    leftovers=["test data is left"],
    markers=[(0.0, "aaaa"), (9.0, HOSTILE)],
    notes=["left out: book"],
)


def suite_of(report: Report) -> ET.Element:
    """The JUnit report, parsed: it is well-formed."""
    return ET.fromstring(reports.junit(report))  # noqa: S314 - our own text


def test_the_document_has_every_figure() -> None:
    """Times in ms, rates per second."""
    document = reports.document(REPORT, 20)

    assert (document["verdict"], document["reasons"]) == ("failed", [str(SLOW)])
    assert document["endpoints"]["home"] == document["total"]
    assert document["total"] == {
        "requests": 400, "failed": 3, "failures": 0.0075, "rate": 20.0,
        "p50": 100.0, "p95": 100.0, "p99": 100.0, "min": 100.0, "max": 100.0,
    }  # fmt: skip
    assert [check["holds"] for check in document["checks"]] == [False, True, None]
    assert [row["regression"] for row in document["baseline"]] == [True, False]
    assert document["errors"] == [{"endpoint": "home", "error": HOSTILE, "count": 3}]
    assert (document["left"], document["notes"]) == (["test data is left"], ["left out: book"])


def test_a_run_without_measurements_has_a_document_and_reports() -> None:
    """Another commit was served: there was no load."""
    empty = Report(Verdict("inconclusive", ("another commit",)), None, [("commit", "unknown")])
    document = reports.document(empty, 20)

    assert (document["endpoints"], document["total"], document["errors"]) == ({}, None, [])
    assert "| endpoint" not in reports.markdown(empty)
    assert "<svg" not in reports.page(empty)


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


def test_the_page_escapes_everything_and_draws_the_releases() -> None:
    """Latency over time, thresholds, comparison and failures."""
    page = reports.page(REPORT)

    assert "<script" not in page
    assert page.count("<polyline") == 3
    assert page.count(f'stroke="{reports.RELEASE}"') == 2
    for heading in ("Latency over time (ms)", "Endpoints", "Thresholds", "Baseline", "Failures"):
        assert f"<h2>{heading}</h2>" in page
    assert "<td>NO<td>total p95: 900 ms, at most 800 ms wanted" in page
