"""The HTML report of a load test: verdict first, then how it went over time, stages, limits, endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.quality import html
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.charts import charts, span, undrawn
from scripts.quality.load.report import STAGE_HEAD, Report, stage_rows
from scripts.quality.load.rows import EndpointRow
from scripts.quality.load.stages import unit_of
from scripts.quality.load.verdict import AT_LEAST, SHARES, Check, amount, milliseconds

ENDPOINTS = (
    "endpoint", "verdict", "requests", "rate", "failed", "p50", "p95", "p99", "limit", "change",
)  # fmt: skip
COMPARED = ("endpoint", "typical", "verdict", "change", "before", "now", "may rise by")
LIMITS = ("limit", "measured", "allowed", "verdict")
FAILURES = ("endpoint", "times", "what")
REASONS = 5  # that the first box lists
HOLDS = {False: "ok", True: "broken", None: "unknown"}


def page(report: Report) -> str:
    """The page, complete."""
    verdict = report.verdict
    more = len(verdict.reasons) - REASONS
    reasons = [*verdict.reasons[:REASONS], *([f"and {more} more, in the tables below"] if more > 0 else [])]
    told = [html.paragraph(meaning(report), "means"), html.bullets(reasons)]
    told += [html.paragraph(report.standing.said), html.paragraph(dict(report.facts).get("at", ""), "soft")]
    title = f"Load test of {report.where}: {report.plan.profile}"
    return html.page(title, verdict.name, "".join(told), *_sections(report))


def _sections(report: Report) -> Iterator[str]:
    verdict, run, unit = report.verdict, report.run, unit_of(report.plan)
    yield _tiles(report)
    yield html.section("Over time", charts(report), _legend(report))
    if report.broke:
        rows = stage_rows(report.stages, unit)
        yield html.section("Stages", html.paragraph(report.broke), html.table(rows, STAGE_HEAD, "Stages"))
    rows = [_endpoint(row, report.seconds) for row in report.rows]
    yield html.section("Endpoints", html.table(rows, ENDPOINTS, "Endpoints") if rows else "")
    limits = [_limit(check) for check in verdict.checks]
    yield html.section("Limits", html.table(limits, LIMITS, "Limits") if limits else "")
    yield html.section("Comparison with the baseline", *_comparison(report))
    errors = [(name, str(count), error) for (name, error), count in (run.errors.items() if run else ())]
    yield html.section("Failures", html.table(errors, FAILURES, "Failures") if errors else "")
    notes = html.bullets((*report.notes, *report.leftovers))
    yield html.section("About this run", html.facts(report.facts), notes)


def _comparison(report: Report) -> Iterator[str]:
    """In a sentence, and in figures."""
    compared = report.verdict.comparisons
    if compared:
        most = max(compared, key=lambda each: each.change)
        slower, every = (
            len({each.endpoint for each in compared if each.is_regression or all_of})
            for all_of in (False, True)
        )
        said = f"{slower} of {every} endpoints are slower than noise explains"
        yield html.paragraph(
            f"{said}; the largest change is {most.change:+.0%} (`{most.endpoint}` {most.what})."
        )
    yield html.paragraph(f"Baseline: {report.compared}.", "soft")
    if compared:
        rows = [_compared(each) for each in compared]
        yield html.table(rows, COMPARED, "comparison with the baseline, times in ms")


def _compared(each: Comparison) -> tuple[str, ...]:
    before, after, band = map(milliseconds, (each.before, each.after, each.band))
    verdict = "slower" if each.is_regression else "ok"
    return each.endpoint, each.what, verdict, f"{each.change:+.0%}", before, after, band


def meaning(report: Report) -> str:
    """What the run means, in one sentence."""
    verdict, run = report.verdict, report.run
    load = f"{report.plan.peak * max(stage.load for stage in report.plan.stages):g} {unit_of(report.plan)}"
    if verdict.is_slower_alone:
        return "Every limit holds, but the app has become slower than it was."
    if verdict.name == "failed":
        return report.broke or f"The app does not hold its limits under {load}."
    if verdict.name != "passed" or run is None:
        return "This run says nothing about the app: its figures can't be trusted."
    p95, limit = run.total.percentile(0.95), report.limits.p95
    within = f" (at most {limit:g} ms wanted)" if limit else ""
    before = ", and it is not slower than before" if verdict.comparisons else ""
    length = span(report.plan.seconds)
    failed = amount("failures", run.total.failure_ratio) if run.total.failed else "none"
    return (
        f"The app carries {load} for {length}: 95 of 100 answers came within {p95:.4g} ms{within},"
        f" {failed} failed{before}."
    )


def _tiles(report: Report) -> str:
    """The figures that a manager asks for."""
    run = report.run
    if run is None or not run.total.count:
        return ""
    total, checks = (
        run.total,
        {check.what: check for check in report.verdict.checks if check.endpoint == "total"},
    )
    tiles = [("Requests", f"{total.count}", f"{total.count / report.seconds:.3g} a second", "")]
    for what in ("p95", "p99", "failures"):
        share = SHARES.get(what)
        value = total.failure_ratio if share is None else total.percentile(share)
        check = checks.get(what)
        said = f"at most {amount(what, check.limit)} wanted" if check else "no limit"
        title = "Failed requests" if share is None else f"{100 * share:.0f} of 100 answers within"
        tiles.append((title, amount(what, value), said, "bad" if check and check.broken else ""))
    if report.plan.model == "closed":
        tiles.append(("Users", str(run.peak_users), f"of {report.plan.peak:g} planned", ""))
    found = "".join(
        f'<div class="{kind}"><dt>{html.said(title)}</dt><dd>{html.figure(value)}</dd>'
        f'<dd class="soft">{html.said(said)}</dd></div>'
        for title, value, said, kind in tiles
    )
    return f'<dl class="tiles">{found}</dl>'


def _legend(report: Report) -> str:
    """What is not drawn, and what happened meanwhile."""
    run, parts = report.run, []
    if run is None or not run.total.count:
        return ""
    if far := ", ".join(undrawn(report)):
        parts.append(html.paragraph(f"Not drawn, as it lies far above what was measured: {far}.", "soft"))
    if not run.total.failed:
        parts.append(html.paragraph("Not one request failed."))
    if report.markers:
        said = [f"{span(at)} after the start: {what}" for at, what in report.markers]
        parts.append(html.paragraph("Released meanwhile (upright lines):") + html.bullets(said))
    return "".join(parts)


def _endpoint(row: EndpointRow, seconds: float) -> tuple[str, ...]:
    series = row.series
    times = (milliseconds(series.percentile(share)) for share in SHARES.values())
    failed = f"{series.failed} ({series.failure_ratio:.2%})" if series.failed else "0"
    limit = f"{row.check.what} {amount(row.check.what, row.check.limit)}" if row.check else "-"
    change = "-" if row.change is None else f"{row.change:+.0%}"
    rate = f"{series.count / seconds:.3g}/s"
    return row.name, row.verdict or "-", str(series.count), rate, failed, *times, limit, change


def _limit(check: Check) -> tuple[str, ...]:
    name, what = f"{check.endpoint} {check.what}", check.what
    least = "at least " if what in AT_LEAST else ""
    holds = HOLDS[check.broken] + (f" ({check.why})" if check.why else "")
    return name, amount(what, check.measured), least + amount(what, check.limit), holds
