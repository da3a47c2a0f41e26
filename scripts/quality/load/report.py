# pure
"""The reports of a load test: JSON and JUnit for machines, Markdown for pull requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from scripts.config.load_settings import Limits
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measurements, Series
from scripts.quality.load.rows import EndpointRow, endpoint_rows
from scripts.quality.load.stages import StageResult, played_seconds, stages_of, unit_of, where_it_broke
from scripts.quality.load.verdict import Check, Verdict, milliseconds
from scripts.quality.standing import Standing

UNPRINTABLE = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]")  # not allowed in XML
ENDPOINT_HEAD = ("endpoint", "requests", "failed", "p50", "p95", "p99", "max (ms)")
BASELINE_HEAD = ("against the baseline (ms)", "typical", "before", "now", "change", "noise band", "")
STAGE_HEAD = ("stage", "load", "verdict", "requests", "failed", "p50", "p95", "p99")


@dataclass(frozen=True)
class Report:
    """Everything that the reports show.

    Args:
        where: the environment.
        limits: of the run as a whole.
        facts: label and value, such as commit, environment, machine.
        standing: whether it counts for a promotion.
        compared: with what, in words.
        leftovers: what the run wrote and did not remove, in words; empty if nothing is left.
        markers: seconds from the start of the measurement, and what happened then.
    """

    verdict: Verdict
    run: Measurements | None
    plan: LoadPlan
    where: str
    limits: Limits
    facts: Sequence[tuple[str, str]]
    standing: Standing
    compared: str = "none yet"
    leftovers: Sequence[str] = ()
    markers: Sequence[tuple[float, str]] = ()
    notes: Sequence[str] = ()

    @property
    def seconds(self) -> float:
        """How long it was measured: rates are over these seconds."""
        return played_seconds(self.run, self.plan) if self.run else self.plan.seconds

    @cached_property
    def stages(self) -> tuple[StageResult, ...]:
        """Every stage of the profile; () if nothing was measured."""
        return stages_of(self.run, self.plan, self.limits) if self.run and self.run.total.count else ()

    @cached_property
    def broke(self) -> str:
        """Where it broke, in a sentence; "" for a profile of one stage."""
        return where_it_broke(self.stages, self.plan)

    @cached_property
    def rows(self) -> tuple[EndpointRow, ...]:
        """Every endpoint with the limit that matters, then the total."""
        return endpoint_rows(self.run, self.verdict)

    @property
    def series(self) -> dict[str, Series]:
        """Every endpoint, then the total; empty if nothing was measured."""
        if self.run is None or not self.run.total.count:
            return {}
        return {**self.run.endpoints, "total": self.run.total}


def document(report: Report) -> dict[str, Any]:
    """The load test's own part of `--json`."""
    verdict, run = report.verdict, report.run
    rows = {row.name: _figures(row, report.seconds) for row in report.rows}
    return {
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
        "total": rows.pop("total", None),
        "endpoints": rows,
        "stages": [stage.document(unit_of(report.plan)) for stage in report.stages],
        "broke": report.broke or None,
        "proof": report.standing.document(),
        "compared": report.compared,
        "checks": [_check_document(check) for check in verdict.checks],
        "baseline": [_comparison_document(comparison) for comparison in verdict.comparisons],
        "errors": [
            {"endpoint": name, "error": error, "count": count}
            for (name, error), count in (run.errors.items() if run else ())
        ],
        "left": list(report.leftovers),
        "left_out": list(run.left_out) if run else [],
        "notes": list(report.notes),
    }


def _figures(row: EndpointRow, seconds: float) -> dict[str, Any]:
    """One endpoint; times in ms."""
    series = row.series
    return {
        "requests": series.count, "failed": series.failed, "failures": round(series.failure_ratio, 6),
        "rate": round(series.count / seconds, 3) if seconds else None,
        "p50": series.percentile(0.5), "p95": series.percentile(0.95), "p99": series.percentile(0.99),
        "min": series.percentile(0.0), "max": series.percentile(1.0),
        "limit": _check_document(row.check) if row.check else None,
        "change": None if row.change is None else round(row.change, 4), "verdict": row.verdict,
    }  # fmt: skip


def _check_document(check: Check) -> dict[str, Any]:
    return {
        "endpoint": check.endpoint, "what": check.what, "measured": check.measured,
        "limit": check.limit, "holds": None if check.broken is None else not check.broken,
    }  # fmt: skip


def _comparison_document(comparison: Comparison) -> dict[str, Any]:
    return {
        "endpoint": comparison.endpoint, "what": comparison.what, "before": comparison.before,
        "after": comparison.after, "band": round(comparison.band, 3),
        "regression": comparison.is_regression,
    }  # fmt: skip


def junit(report: Report) -> str:
    """A case for the run as a whole, for each threshold and each comparison. A doubt is an error."""
    verdict = report.verdict
    tag = {"passed": "", "failed": "failure"}.get(verdict.name, "error")
    cases = [_case("verdict", tag, verdict.name, "\n".join(verdict.reasons))]
    for check in verdict.checks:
        tag = "error" if check.broken is None else "failure" if check.broken else ""
        cases.append(_case(f"{check.endpoint} {check.what}", tag, "failed", str(check)))
    for comparison in verdict.comparisons:
        tag = "failure" if comparison.is_regression else ""
        name = f"{comparison.endpoint} {comparison.what} regression"
        cases.append(_case(name, tag, "failed", str(comparison)))
    failures, errors = (sum(f"<{tag} " in case for case in cases) for tag in ("failure", "error"))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuite name="load-test" tests="{len(cases)}" failures="{failures}" errors="{errors}">\n'
        f"{''.join(cases)}</testsuite>\n"
    )


def _case(name: str, tag: str, message: str, text: str) -> str:
    """One test case; `tag` is `failure` or `error`, or empty for a pass."""
    head = f"  <testcase classname='load-test' name={quoteattr(_printable(name))}"
    if not tag:
        return f"{head}/>\n"
    return f"{head}><{tag} message={quoteattr(message)}>{xml_escape(_printable(text))}</{tag}></testcase>\n"


def _printable(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)


def markdown(report: Report) -> str:
    """For a pull request: the verdict, why, the figures, the comparison."""
    verdict = report.verdict
    facts = ", ".join(f"{label} `{_cell(value)}`" for label, value in report.facts)
    lines = [f"### Load test: {verdict.name}", "", *_items(verdict.reasons), ""]
    lines += [_cell(report.standing.said), "", facts, ""]
    if report.series:
        lines += _markdown_table(ENDPOINT_HEAD, [_row(*item) for item in report.series.items()])
    if report.broke:
        unit = unit_of(report.plan)
        lines += [
            "",
            _cell(report.broke),
            "",
            *_markdown_table(STAGE_HEAD, stage_rows(report.stages, unit)),
        ]
    if verdict.comparisons:
        lines += [
            "",
            *_markdown_table(BASELINE_HEAD, [comparison_row(row) for row in verdict.comparisons]),
        ]
    lines += ["", *_items((*report.notes, *report.leftovers))]
    return "\n".join(lines).rstrip() + "\n"


def _items(texts: Sequence[str]) -> list[str]:
    return [f"- {_cell(text)}" for text in texts]


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cell(text: str) -> str:
    """Untrusted text on one line, which can't end a table cell."""
    return " ".join(_printable(text).split()).replace("|", "\\|").replace("<", "&lt;")


def _row(name: str, series: Series) -> tuple[str, ...]:
    times = (milliseconds(series.percentile(share)) for share in (0.5, 0.95, 0.99, 1.0))
    return name, str(series.count), str(series.failed), *times


def stage_rows(stages: Sequence[StageResult], unit: str) -> list[tuple[str, ...]]:
    """One for each stage, as text."""
    found = []
    for stage in stages:
        times = (milliseconds(stage.series.percentile(share)) for share in (0.5, 0.95, 0.99))
        counts = str(stage.series.count), str(stage.series.failed)
        found.append((str(stage.number), f"{stage.wanted:g} {unit}", stage.verdict, *counts, *times))
    return found


def comparison_row(row: Comparison) -> tuple[str, ...]:
    """One comparison as text; times in ms."""
    before, after, band = map(milliseconds, (row.before, row.after, row.band))
    figures = (before, after, f"{row.change:+.0%}", band)
    return row.endpoint, row.what, *figures, "REGRESSION" if row.is_regression else "ok"
