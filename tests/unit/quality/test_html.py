"""The parts of an HTML report."""

from __future__ import annotations

from scripts.quality import html

HOSTILE = "<script>alert('x')</script>"


def test_all_text_is_escaped() -> None:
    """Titles, cells, headings and list items come from anybody."""
    page = html.page(HOSTILE, "passed", html.table([(HOSTILE, "b")], (HOSTILE,)), html.bullets([HOSTILE]))

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5


def test_the_verdict_is_coloured_by_its_class() -> None:
    """The style sheet is in the page: nothing is loaded."""
    page = html.page("Load test", "failed", "<p>body</p>")

    assert "<h1>Load test: <span class=failed>failed</span></h1><p>body</p></html>" in page
    assert ".failed" in page
    assert "http" not in page


def test_a_table_without_a_head_has_no_head_row() -> None:
    """Facts are label and value."""
    assert html.table([("a", "b")]) == "<table><tr><td>a<td>b</table>"
    assert html.table([], ("a",)) == "<table><tr><th>a</table>"
