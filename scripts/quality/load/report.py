# pure
"""The reports of a load test: JSON and JUnit for machines, Markdown for pull requests, HTML for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from scripts.quality import html
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.result import Measurements, Series, percentile
from scripts.quality.load.verdict import Check, Verdict

UNPRINTABLE = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]")  # not allowed in XML
ENDPOINT_HEAD = ("endpoint", "requests", "failed", "p50", "p95", "p99", "max (ms)")
BASELINE_HEAD = ("against the baseline (ms)", "typical", "before", "now", "change", "noise band", "")
WIDTH, HEIGHT, MARGIN = 860, 220, 40  # of the chart
LINES = {"p50": (0.5, "#06763d"), "p95": (0.95, "#1a56a8"), "p99": (0.99, "#b3261e")}
RELEASE = "#8a6100"


@dataclass(frozen=True)
class Report:
    """Everything that the reports show.

    Args:
        facts: label and value, such as commit, environment, machine.
        leftovers: what the run wrote and did not remove, in words; empty if nothing is left.
        markers: seconds from the start of the measurement, and what happened then.
        slot: seconds per point of the latency chart.
    """

    verdict: Verdict
    run: Measurements | None
    facts: Sequence[tuple[str, str]]
    leftovers: Sequence[str] = ()
    markers: Sequence[tuple[float, str]] = ()
    slot: int = 1
    notes: Sequence[str] = ()

    @property
    def series(self) -> dict[str, Series]:
        """Every endpoint, then the total; empty if nothing was measured."""
        if self.run is None or not self.run.total.count:
            return {}
        return {**self.run.endpoints, "total": self.run.total}


def document(report: Report, seconds: float) -> dict[str, Any]:
    """The load test's own part of `--json`."""
    verdict, run = report.verdict, report.run
    return {
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
        "endpoints": {name: _figures(series, seconds) for name, series in run.endpoints.items()}
        if run
        else {},
        "total": _figures(run.total, seconds) if run else None,
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


def _figures(series: Series, seconds: float) -> dict[str, Any]:
    """One endpoint; times in ms."""
    return {
        "requests": series.count, "failed": series.failed, "failures": round(series.failure_ratio, 6),
        "rate": round(series.count / seconds, 3) if seconds else None,
        "p50": series.percentile(0.5), "p95": series.percentile(0.95), "p99": series.percentile(0.99),
        "min": series.percentile(0.0), "max": series.percentile(1.0),
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
    lines = [f"### Load test: {verdict.name}", "", *_items(verdict.reasons), "", facts, ""]
    if report.series:
        lines += _markdown_table(ENDPOINT_HEAD, [_row(*item) for item in report.series.items()])
    if verdict.comparisons:
        lines += [
            "",
            *_markdown_table(BASELINE_HEAD, [_comparison_row(row) for row in verdict.comparisons]),
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
    times = (f"{series.percentile(share):.4g}" for share in (0.5, 0.95, 0.99, 1.0))
    return name, str(series.count), str(series.failed), *times


def _comparison_row(row: Comparison) -> tuple[str, ...]:
    figures = (f"{row.before:.4g}", f"{row.after:.4g}", f"{row.change:+.0%}", f"{row.band:.3g}")
    return row.endpoint, row.what, *figures, "REGRESSION" if row.is_regression else "ok"


def page(report: Report) -> str:
    """The HTML page: verdict, latency over time with releases, percentiles, thresholds, baseline."""
    verdict, run = report.verdict, report.run
    body = [html.bullets(verdict.reasons), html.table(report.facts)]
    if run and report.series:
        chart = _chart(run.total.grouped(report.slot), report.slot, report.markers)
        rows = [_row(*item) for item in report.series.items()]
        body += ["<h2>Latency over time (ms)</h2>", chart]
        body += ["<h2>Endpoints</h2>", html.table(rows, ENDPOINT_HEAD)]
    if verdict.checks:
        checks = [("ok" if check.broken is False else "NO", str(check)) for check in verdict.checks]
        body += ["<h2>Thresholds</h2>", html.table(checks)]
    if verdict.comparisons:
        rows = [_comparison_row(row) for row in verdict.comparisons]
        body += ["<h2>Baseline</h2>", html.table(rows, BASELINE_HEAD)]
    if run and run.errors:
        errors = [(name, str(count), error) for (name, error), count in run.errors.items()]
        body += ["<h2>Failures</h2>", html.table(errors, ("endpoint", "times", "what"))]
    body += [html.bullets((*report.notes, *report.leftovers))]
    return html.page("Load test", verdict.name, *body)


def _chart(series: Series, slot: int, markers: Sequence[tuple[float, str]]) -> str:
    """SVG: percentiles as lines, failures as bars at the bottom, releases as vertical lines."""
    slots = range(max(series.slots) + 1)
    lines = {
        name: [
            (n, value) for n in slots if (value := percentile(series.slots.get(n, {}), share)) is not None
        ]
        for name, (share, _) in LINES.items()
    }
    top = max((value for line in lines.values() for _, value in line), default=1.0) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(1, len(slots) - 1)

    def point(n: float, value: float) -> tuple[float, float]:
        return MARGIN + n * step, HEIGHT - MARGIN - value / top * (HEIGHT - 2 * MARGIN)

    parts = []
    for number, (name, (_, colour)) in enumerate(LINES.items()):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (point(*sample) for sample in lines[name]))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(_text(MARGIN + 40 * number, 14, name, colour))
    for n in (n for n, failed in series.failed_in.items() if failed):
        x, y = point(n, 0)
        parts.append(f'<rect x="{x - 2:.1f}" y="{y:.1f}" width="4" height="10" fill="#b3261e"/>')
    for seconds, what in markers:
        x, y = point(seconds / slot, 0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{y:.1f}" stroke="{RELEASE}"/>')
        parts.append(_text(x + 3, 30, what, RELEASE))
    x, y = point(len(slots) - 1, 0)
    parts += [_text(2, point(0, top)[1] + 4, f"{top:.4g}"), _text(2, y, "0")]
    parts.append(_text(x - 20, y + 24, f"{len(slots) * slot:g} s"))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{escape(text)}</text>'
