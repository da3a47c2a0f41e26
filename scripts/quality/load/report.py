# pure
"""A load test's verdict for machines and for pull requests: JSON, JUnit, Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from scripts.quality.load.baseline import Row
from scripts.quality.load.result import Measured, Series
from scripts.quality.load.verdict import Check, Verdict

UNPRINTABLE = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]")


@dataclass(frozen=True)
class Told:
    """All that a report tells.

    Args:
        facts: label and value, such as commit, environment, machine.
        left: what the run wrote and did not remove, in words; empty when nothing is left.
        markers: seconds from the start of the measurement, and what happened then.
        slot: seconds of one point of the latency over time.
    """

    verdict: Verdict
    run: Measured | None
    facts: Sequence[tuple[str, str]]
    left: Sequence[str] = ()
    markers: Sequence[tuple[float, str]] = ()
    slot: float = 1.0
    notes: Sequence[str] = field(default_factory=tuple)


def figures(series: Series, seconds: float) -> dict[str, Any]:
    """One endpoint as JSON; times in ms."""
    return {
        "requests": series.count, "failed": series.failed, "failures": round(series.failures, 6),
        "rate": round(series.count / seconds, 3) if seconds else None,
        "p50": series.at(0.5), "p95": series.at(0.95), "p99": series.at(0.99),
        "min": series.at(0.0), "max": series.at(1.0),
    }  # fmt: skip


def document(told: Told, seconds: float) -> dict[str, Any]:
    """The part of `--json` that is the load test's own."""
    verdict, run = told.verdict, told.run
    return {
        "verdict": verdict.word,
        "reasons": list(verdict.reasons),
        "endpoints": {name: figures(each, seconds) for name, each in run.endpoints.items()} if run else {},
        "total": figures(run.total, seconds) if run else None,
        "checks": [_check(each) for each in verdict.checks],
        "baseline": [
            {
                "endpoint": each.name,
                "what": each.what,
                "before": each.before,
                "after": each.after,
                "band": round(each.band, 3),
                "regression": each.worse,
            }
            for each in verdict.rows
        ],
        "errors": [
            {"endpoint": name, "error": error, "count": n} for (name, error), n in run.errors.items()
        ]
        if run
        else [],
        "left": list(told.left),
        "left_out": list(run.left_out) if run else [],
        "notes": list(told.notes),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "endpoint": check.endpoint, "what": check.what, "measured": check.measured,
        "limit": check.limit, "holds": None if check.broken is None else not check.broken,
    }  # fmt: skip


def junit(told: Told) -> str:
    """One case for each threshold, each comparison, and for the run as a whole; a doubt is an error."""
    word = told.verdict.word
    cases = [
        _case("verdict", "" if word == "passed" else word, told.verdict.reasons, failure=word == "failed")
    ]
    for check in told.verdict.checks:
        kind = "" if check.broken is False else "failed"
        cases.append(
            _case(f"{check.endpoint} {check.what}", kind, (str(check),), failure=check.broken is not None)
        )
    cases += [
        _case(
            f"{each.name} {each.what} regression",
            "failed" if each.worse else "",
            (str(each),),
            failure=True,
        )
        for each in told.verdict.rows
    ]
    bad, errors = (sum(f"<{kind} " in each for each in cases) for kind in ("failure", "error"))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuite name="load-test" tests="{len(cases)}" failures="{bad}" errors="{errors}">\n'
        + "".join(cases)
        + "</testsuite>\n"
    )


def _case(name: str, kind: str, said: Sequence[str], *, failure: bool) -> str:
    head = f"  <testcase classname='load-test' name={quoteattr(_plain(name))}"
    if not kind:
        return f"{head}/>\n"
    tag = "failure" if failure else "error"
    text = escape(_plain("\n".join(said)))
    return f"{head}><{tag} message={quoteattr(kind)}>{text}</{tag}></testcase>\n"


def _plain(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)


def markdown(told: Told) -> str:
    """For a pull request: the verdict, why, the table, the comparison."""
    verdict, run = told.verdict, told.run
    lines = [f"### Load test: {verdict.word}", "", *(f"- {_cell(each)}" for each in verdict.reasons), ""]
    lines += [f"{', '.join(f'{key} `{_cell(value)}`' for key, value in told.facts)}", ""]
    if run and run.total.count:
        lines += [
            "| endpoint | requests | failed | p50 | p95 | p99 | max (ms) |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_row(name, each) for name, each in (*run.endpoints.items(), ("**total**", run.total))]
    if verdict.rows:
        head = "| against the baseline | typical | before | now | change | noise band | |"
        lines += ["", head, "|---|---|---|---|---|---|---|"]
        lines += [
            f"| {' | '.join(map(_cell, row_cells(each)))} | {'**regression**' if each.worse else 'ok'} |"
            for each in verdict.rows
        ]
    lines += ["", *(f"- {_cell(each)}" for each in (*told.notes, *told.left))]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, series: Series) -> str:
    times = " | ".join(f"{series.at(share):.4g}" for share in (0.5, 0.95, 0.99, 1.0))
    return f"| {_cell(name)} | {series.count} | {series.failed} | {times} |"


def row_cells(row: Row) -> tuple[str, ...]:
    """A comparison in cells: name, percentile, before, after, change, band."""
    times = f"{row.before:.4g}", f"{row.after:.4g}"
    return row.name, row.what, *times, f"{row.change:+.0%}", f"{row.band:.3g}"


def _cell(text: str) -> str:
    """Untrusted text in a table: on one line, no cell of its own."""
    return " ".join(_plain(text).split()).replace("|", "\\|").replace("<", "&lt;")
