# pure
"""A load test as one HTML file: verdict, latency over time with releases, percentiles, baseline. Pure.

No script, nothing loaded from elsewhere; every text that somebody else wrote is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from scripts.quality.html import STYLE
from scripts.quality.load.report import Told, row_cells
from scripts.quality.load.result import Series, percentile

WIDE, HIGH, EDGE = 860, 220, 40
LINES = {"p50": (0.5, "#06763d"), "p95": (0.95, "#1a56a8"), "p99": (0.99, "#b3261e")}
MORE = "svg{width:100%;background:#fafafa}text{font:11px system-ui}td.n{text-align:right}.no{color:#b3261e}"


def page(told: Told) -> str:
    """The whole page."""
    verdict, run = told.verdict, told.run
    body = [
        f"<h1>Load test: <span class={verdict.word}>{verdict.word}</span></h1>",
        _list(verdict.reasons),
        _table((), [(key, value) for key, value in told.facts]),
    ]
    if run and run.total.count:
        body += ["<h2>Latency over time (ms)</h2>", _chart(run.total, told.slot, told.markers)]
        body += ["<h2>Endpoints</h2>", _endpoints({**run.endpoints, "total": run.total})]
    if verdict.checks:
        rows = [(_sign(holds=each.broken is False), str(each)) for each in verdict.checks]
        body += ["<h2>Thresholds</h2>", _table((), rows)]
    if verdict.rows:
        head = ("endpoint", "typical", "before", "now", "change", "noise band", "")
        compared = [(*row_cells(each), _sign(holds=not each.worse)) for each in verdict.rows]
        body += ["<h2>Against the baseline (ms)</h2>", _table(head, compared)]
    if run and run.errors:
        errors = [(name, str(n), error) for (name, error), n in run.errors.items()]
        body += ["<h2>Failures</h2>", _table(("endpoint", "times", "what"), errors)]
    body += [_list((*told.notes, *told.left))]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Load test {verdict.word}</title>'
        f"<style>{STYLE}{MORE}</style>{''.join(body)}</html>\n"
    )


def _sign(*, holds: bool) -> str:
    return "ok" if holds else "NO"


def _list(texts: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in texts) + "</ul>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = f"<tr>{''.join(f'<th>{escape(each)}' for each in head)}" if head else ""
    lines = "".join(f"<tr>{''.join(f'<td>{escape(each)}' for each in row)}" for row in rows)
    return f"<table>{top}{lines}</table>"


def _endpoints(series: Mapping[str, Series]) -> str:
    head = ("endpoint", "requests", "failed", "p50", "p95", "p99", "max")
    shares = (0.5, 0.95, 0.99, 1.0)
    rows = [
        (name, str(each.count), str(each.failed), *(f"{each.at(share):.4g}" for share in shares))
        for name, each in series.items()
    ]
    return _table(head, rows)


def _chart(series: Series, slot: float, markers: Sequence[tuple[float, str]]) -> str:
    """Three lines, failures as bars at the bottom, releases as upright lines."""
    slots = range(max(series.slots) + 1)
    found = {
        name: [
            (n, value) for n in slots if (value := percentile(series.slots.get(n, {}), share)) is not None
        ]
        for name, (share, _) in LINES.items()
    }
    top = max((value for each in found.values() for _, value in each), default=1.0) or 1.0
    step = (WIDE - 2 * EDGE) / max(1, len(slots) - 1)

    def at(n: float, value: float) -> tuple[float, float]:
        return EDGE + n * step, HIGH - EDGE - value / top * (HIGH - 2 * EDGE)

    parts = []
    for number, (name, (_, colour)) in enumerate(LINES.items()):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(n, v) for n, v in found[name]))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(f'<text x="{EDGE + 40 * number}" y="14" fill="{colour}">{name}</text>')
    for n, failed in series.failed_in.items():
        if failed:
            x, y = at(n, 0)
            parts.append(f'<rect x="{x - 2:.1f}" y="{y:.1f}" width="4" height="10" fill="#b3261e"/>')
    for seconds, what in markers:
        x, y = at(seconds / slot, 0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{y:.1f}" stroke="#8a6100"/>')
        parts.append(f'<text x="{x + 3:.1f}" y="30" fill="#8a6100">{escape(what)}</text>')
    x, y = at(len(slots) - 1, 0)
    parts.append(
        f'<text x="2" y="{at(0, top)[1] + 4:.1f}">{top:.4g}</text><text x="2" y="{y:.1f}">0</text>'
    )
    parts.append(f'<text x="{x - 20:.1f}" y="{y + 24:.1f}">{len(slots) * slot:g} s</text>')
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img">{"".join(parts)}</svg>'
