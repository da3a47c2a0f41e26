"""Reports as one HTML file each: no script, nothing loaded from elsewhere, all text escaped.

The parts take English and show it in the language of the reader. What tests and apps have written (the
name of a row, a `data` column) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape

from scripts.language import ENGLISH, language, time_form, translate
from scripts.quality.html_style import STYLE
from scripts.terminal import with_local_times

# Even if something slipped through, the browser may load and run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
NUMBER = re.compile(r"[-+]?\d.{0,11}")
POINT = re.compile(r"(?<=\d)\.(?=\d)")
PER_CENT = re.compile(r"(?<=\d)%")
CODE = re.compile(r"`([^`]+)`")
MARKS = {"passed": "✓", "failed": "✗"}  # of a verdict; a doubt has `?`


def page(title: str, verdict: str, told: str, *body: str) -> str:
    """The whole page.

    Args:
        verdict: its name; it stands in the first box with the title.
        told: HTML below them, in the box.
        body: parts that are HTML already.
    """
    name, ending, sign = escape(said(title)), said(verdict), MARKS.get(verdict, "?")
    return (
        f'<!doctype html><html lang="{language()}"><head><meta charset="utf-8">'
        f"<title>{name}{mark(':')} {ending}</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body><main>"
        f'<section class="first {verdict}" aria-labelledby="title"><h1 id="title">{name}</h1>'
        f'<p class="verdict {verdict}"><span aria-hidden="true">{sign} </span>{ending}</p>{told}</section>'
        f"{''.join(body)}</main></body></html>\n"
    )


def said(text: str) -> str:
    """A text of the desk for the reader: his language, his clock."""
    return with_local_times(translate(text), time_form())


def figure(text: str) -> str:
    """A number with the reader's marks: `+1.5%` is `+1,5 %` in French."""
    return text if language() == ENGLISH else PER_CENT.sub(" %", POINT.sub(",", text))


def mark(sign: str) -> str:
    """A colon or a semicolon, with the blank before it that French has."""
    return sign if language() == ENGLISH else f"\u00a0{sign}"


def section(title: str, *body: str) -> str:
    """A part with a heading; "" where there is nothing in it."""
    return f"<section><h2>{escape(said(title))}</h2>{''.join(body)}</section>" if any(body) else ""


def paragraph(text: str, kind: str = "") -> str:
    """Plain text; "" for none."""
    return f'<p class="{kind}">{_inline(text)}</p>' if text else ""


def _inline(text: str) -> str:
    """Plain text, what stands in backticks as code."""
    return CODE.sub(r"<code>\1</code>", escape(said(text)))


def table(
    rows: Iterable[Sequence[str]], head: Sequence[str] = (), about: str = "", data: Collection[str] = ()
) -> str:
    """Rows of plain text, the first cell names the row. A wide one scrolls by itself, by keyboard, too.

    Args:
        about: what is in it, for those who hear it; needed where it can be wide.
        data: heads of columns with what others wrote.
    """
    top = f"<tr>{''.join(f'<th scope=col>{escape(said(cell))}' for cell in head)}" if head else ""
    kept = [0, *(place for place, name in enumerate(head) if name in data)]
    lines = "".join(_line(row, kept) for row in rows)
    made = f"<table>{top}{lines}</table>"
    if not about:
        return made
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(said(about))}">{made}</div>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Label and value."""
    return f"<table>{''.join(_line((said(label), value), [0]) for label, value in rows)}</table>"


def _line(row: Sequence[str], kept: Sequence[int]) -> str:
    """A row. `kept`: places of the cells that are shown as they are."""
    texts = [cell if place in kept else _cell(cell) for place, cell in enumerate(row)]
    kinds = zip(row[1:], texts[1:], strict=True)
    cells = "".join(f"<td{_kind(cell)}>{escape(text)}" for cell, text in kinds)
    return f"<tr><th scope=row>{escape(texts[0])}{cells}"


def _cell(text: str) -> str:
    return figure(said(text)) if NUMBER.fullmatch(text) else said(text)


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
