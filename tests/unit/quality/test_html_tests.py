"""The HTML report of browser tests."""

from __future__ import annotations

from scripts.quality.html_tests import page
from scripts.quality.verdict import judge
from tests.support.html_reader import Reader
from tests.unit.quality.test_verdict import BAD, GOOD, A


def test_the_page_escapes_what_tests_wrote() -> None:
    """A test's message is no markup, and its trace is linked."""
    verdict = judge([*GOOD, BAD], exit_code=1, wanted=1, served=(A, A))
    made = page(verdict, [("commit", A)], {"t::three": ["three/trace.zip"]}, "no proof")
    read = Reader(made)

    assert read.rows[1] == ["t", "3", "2", "1", "0", "1.3 s"]
    assert [row[1] for row in read.rows if "t::" in row[0] and len(row) == 3] == [
        "failed",
        "passed",
        "passed",
    ]
    assert "no proof" in read.text
    assert "&lt;b&gt;no button&lt;/b&gt;" in made
    assert "<b>no" not in made
    assert '<a href="three/trace.zip">trace.zip</a>' in made
