# pure
"""Reports as one HTML file each: no script, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from scripts.quality.html_style import STYLE

# Even if something slipped through, the browser may load and run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
NUMBER = re.compile(r"[-+]?\d.{0,11}")
CODE = re.compile(r"`([^`]+)`")
MARKS = {"passed": "✓", "failed": "✗"}  # of a verdict; a doubt has `?`


def page(title: str, verdict: str, told: str, *body: str) -> str:
    """The whole page.

    Args:
        verdict: its name; it stands in the first box with the title.
        told: HTML below them, in the box.
        body: parts that are HTML already.
    """
    name = escape(title)
    mark = MARKS.get(verdict, "?")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}: {verdict}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body><main>"
        f'<section class="first {verdict}" aria-labelledby="title"><h1 id="title">{name}</h1>'
        f'<p class="verdict {verdict}"><span aria-hidden="true">{mark} </span>{verdict}</p>{told}</section>'
        f"{''.join(body)}</main></body></html>\n"
    )


def section(title: str, *body: str) -> str:
    """A part with a heading; "" where there is nothing in it."""
    return f"<section><h2>{escape(title)}</h2>{''.join(body)}</section>" if any(body) else ""


def paragraph(text: str, kind: str = "") -> str:
    """Plain text; "" for none."""
    return f'<p class="{kind}">{_inline(text)}</p>' if text else ""


def _inline(text: str) -> str:
    """Plain text, what stands in backticks as code."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), about: str = "") -> str:
    """Rows of plain text, the first cell names the row. A wide one scrolls by itself, by keyboard, too.

    Args:
        about: what is in it, for those who hear it; needed where it can be wide.
    """
    top = f"<tr>{''.join(f'<th scope=col>{escape(cell)}' for cell in head)}" if head else ""
    lines = "".join(_line(row) for row in rows)
    made = f"<table>{top}{lines}</table>"
    if not about:
        return made
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(about)}">{made}</div>'


def _line(row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join(f"<td{_kind(cell)}>{escape(cell)}" for cell in others)
    return f"<tr><th scope=row>{escape(first)}{cells}"


def _kind(cell: str) -> str:
    """A word of a verdict has its colour; a number stays on one line."""
    if NUMBER.fullmatch(cell):
        return " class=n"
    bad = cell in ("over", "slower", "failed", "error", "broken")
    return " class=bad" if bad else " class=good" if cell in ("ok", "passed") else ""


def bullets(texts: Iterable[str]) -> str:
    """A list of plain texts; "" for none."""
    items = "".join(f"<li>{_inline(text)}" for text in texts)
    return f"<ul>{items}</ul>" if items else ""
