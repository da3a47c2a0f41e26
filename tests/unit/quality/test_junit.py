"""A JUnit report is not trusted blindly."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.quality.cases import Case
from scripts.quality.junit import EXPECTED, ON_RETRY, read_junit

REPORT = """<?xml version="1.0"?><testsuites><testsuite name="pytest">
<testcase classname="test_page" name="test_a" time="0.5"/>
<testcase classname="test_page" name="test_b" time="1"><failure message="no button">l</failure></testcase>
<testcase classname="test_page" name="test_b" time="0"><error message="teardown">x</error></testcase>
<testcase classname="test_page" name="test_c" time="0"><skipped message="why"/></testcase>
<testcase classname="test_page" name="test_d" time="0"/>
<testcase classname="test_page" name="test_d" time="0"><error message="teardown">x</error></testcase>
<testcase name="retry" time="0"><flakyFailure message="m"/></testcase>
<testcase name="trace" time="0"><system-out>[[ATTACHMENT|r/a-retry1/t.zip]]</system-out></testcase>
<testcase name="fails" time="0"><properties><property name="fail" value=""/></properties></testcase>
<testcase name="seen" time="0"><properties><property name="n" value="1"/></properties></testcase>
</testsuite></testsuites>"""


def test_a_report_gives_one_case_per_test(tmp_path: Path) -> None:
    """The first fault counts; a teardown that fails makes an error; a pass that says nothing is void."""
    (tmp_path / "j.xml").write_text(REPORT)

    assert [
        Case("test_page::test_a", "passed", 0.5),
        Case("test_page::test_b", "failed", 1.0, "no button"),
        Case("test_page::test_c", "skipped", 0.0, "why"),
        Case("test_page::test_d", "error", 0.0, "teardown"),
        Case("retry", "void", 0.0, ON_RETRY),
        Case("trace", "void", 0.0, ON_RETRY),
        Case("fails", "void", 0.0, EXPECTED, {"fail": ""}),
        Case("seen", "passed", 0.0, properties={"n": "1"}),
    ] == read_junit(tmp_path / "j.xml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<testsuites>",
        "<html/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><testsuites/>',
        REPORT.replace("0.5", "x"),
    ],
)
def test_an_untrustworthy_report_is_none(tmp_path: Path, text: str) -> None:
    """Cut off, of another kind, or hostile."""
    (tmp_path / "j.xml").write_text(text)

    assert read_junit(tmp_path / "j.xml") is None
    assert read_junit(tmp_path / "missing.xml") is None
