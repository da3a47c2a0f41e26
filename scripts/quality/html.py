# pure
"""Reports as one HTML file each: no script, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ddd}"
    "pre{white-space:pre-wrap;margin:.3rem 0;font-size:13px}"
    "svg{width:100%;background:#fafafa}text{font:11px system-ui}"
    ".passed{color:#06763d}.failed,.error,.infrastructure{color:#b3261e}"
    ".skipped,.inconclusive{color:#8a6100}"
)


def page(title: str, verdict: str, *body: str) -> str:
    """The whole page, from a title, the verdict's name, and parts that are HTML already."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}: {verdict}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}: <span class={verdict}>{verdict}</span></h1>"
        f"{''.join(body)}</html>\n"
    )


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Rows of plain text."""
    top = f"<tr>{''.join(f'<th>{escape(cell)}' for cell in head)}" if head else ""
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}' for cell in row)}" for row in rows)
    return f"<table>{top}{lines}</table>"


def bullets(texts: Iterable[str]) -> str:
    """A list of plain texts."""
    return f"<ul>{''.join(f'<li>{escape(text)}' for text in texts)}</ul>"
