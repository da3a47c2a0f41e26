"""The parts of an HTML report."""

from __future__ import annotations

from scripts.quality import html
from tests.support.html_reader import Reader

HOSTILE = "<script>alert('x')</script>"


def test_all_text_is_escaped() -> None:
    """Titles, cells, headings, paragraphs and list items come from anybody."""
    parts = html.table([(HOSTILE, HOSTILE)], (HOSTILE,), HOSTILE), html.bullets([HOSTILE])
    page = html.page(HOSTILE, "passed", html.paragraph(f"`{HOSTILE}`"), html.section(HOSTILE, *parts))

    assert Reader(page).loads == []
    assert page.count("&lt;script&gt;") == 9


def test_the_first_box_has_the_verdict_and_nothing_is_loaded() -> None:
    """In words and by its class; the policy of the page allows no script and no request."""
    read = Reader(html.page("Load test", "failed", "<p>why</p>", "<p>body</p>"))

    assert read.text == "Load test: failedLoad test✗ failedwhybody "
    assert read.of_class("first")[0]["class"] == "first failed"
    assert "default-src 'none'" in str([attrs.get("content") for tag, attrs in read.tags if tag == "meta"])
    assert "width=device-width" in str(read.tags)


def test_a_table_names_its_rows_and_columns() -> None:
    """For those who hear it; a wide one can be scrolled by keyboard."""
    assert html.table([("a", "b")]) == "<table><tr><th scope=row>a<td>b</table>"
    wide = html.table([], ("a",), "endpoints")
    assert wide.startswith('<div class="scroll" tabindex="0" role="group" aria-label="endpoints"><table>')
    assert "<th scope=col>a" in wide


def test_what_is_empty_leaves_nothing() -> None:
    """No heading without a body, no list without items."""
    assert (html.section("Failures", "", ""), html.bullets([]), html.paragraph("")) == ("", "", "")


def test_what_is_typed_is_code() -> None:
    """What stands in backticks, as in every text of the desk."""
    assert html.paragraph("type `invoke x`") == '<p class="">type <code>invoke x</code></p>'
