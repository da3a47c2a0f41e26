# pure
"""The report of a run of journeys as one HTML file: no script, nothing loaded from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from scripts.quality.e2e.verdict import Case, Verdict

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ddd}"
    "pre{white-space:pre-wrap;margin:.3rem 0;font-size:13px}"
    ".passed{color:#06763d}.failed,.error,.infrastructure{color:#b3261e}"
    ".skipped,.inconclusive{color:#8a6100}"
)


def page(verdict: Verdict, facts: Sequence[tuple[str, str]], files: Mapping[str, Sequence[str]]) -> str:
    """The whole page.

    Args:
        verdict: what came of it.
        facts: label and value, such as the commit and the URL.
        files: by test, the paths of its trace and pictures, relative to the page.
    """
    rows = "".join(_row(each, files.get(each.name, ())) for each in verdict.cases)
    head = "".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in facts)
    reasons = "".join(f"<li>{escape(each)}</li>" for each in verdict.reasons)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>E2E {verdict.name}</title>'
        f"<style>{STYLE}</style><h1>End-to-end: <span class={verdict.name}>{verdict.name}</span></h1>"
        f"<table>{head}</table><ul>{reasons}</ul><table><tr><th>test<th>ending<th>s{rows}</table></html>\n"
    )


def _row(case: Case, files: Iterable[str]) -> str:
    links = " ".join(f'<a href="{escape(each)}">{escape(each.rpartition("/")[2])}</a>' for each in files)
    why = f"<pre>{escape(case.message)}</pre>" if case.message else ""
    name, ending = escape(case.name), case.ending
    return f"<tr><td>{name}{why}{links}<td class={ending}>{ending}<td>{case.seconds:.1f}"
