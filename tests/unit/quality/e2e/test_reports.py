"""What test programs leave behind: read with suspicion, cleaned before it is kept."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from scripts.quality.e2e import pytest_run, traces

REPORT = """<?xml version="1.0"?><testsuites><testsuite name="pytest">
<testcase classname="test_page" name="test_a" time="0.5"/>
<testcase classname="test_page" name="test_b" time="1"><failure message="no button">l</failure></testcase>
<testcase classname="test_page" name="test_b" time="0"><error message="teardown">x</error></testcase>
<testcase classname="test_page" name="test_c" time="0"><skipped message="why"/></testcase>
<testcase classname="test_page" name="test_d" time="0"/>
<testcase classname="test_page" name="test_d" time="0"><error message="teardown">x</error></testcase>
</testsuite></testsuites>"""


def test_a_report_is_one_row_a_test(tmp_path: Path) -> None:
    """The first fault of a test counts; a teardown that fails makes a passed test an error."""
    (tmp_path / "j.xml").write_text(REPORT)

    assert [
        ("test_page::test_a", "passed", 0.5, ""),
        ("test_page::test_b", "failed", 1.0, "no button"),
        ("test_page::test_c", "skipped", 0.0, "why"),
        ("test_page::test_d", "error", 0.0, "teardown"),
    ] == pytest_run.read_junit(tmp_path / "j.xml")


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
def test_what_is_no_report_is_none(tmp_path: Path, text: str) -> None:
    """Cut off, of another kind, or hostile: nothing that could be believed."""
    (tmp_path / "j.xml").write_text(text)

    assert pytest_run.read_junit(tmp_path / "j.xml") is None
    assert pytest_run.read_junit(tmp_path / "missing.xml") is None


def test_a_trace_keeps_no_cookie_no_token_and_no_known_secret(tmp_path: Path) -> None:
    """Headers, cookies, JSON web tokens and what the desk knows as secret are gone; pictures stay."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"
    network = (
        '{"request":{"headers":[{"name":"Authorization","value":"Basic \\"abc\\" x"},'
        '{"name":"apikey","value":"short-key"},{"name":"Accept","value":"text/html"}],'
        '"cookies":[{"name":"sid","value":"crumbs"}]}}\n'
    )
    with zipfile.ZipFile(tmp_path / "trace.zip", "w") as made:
        made.writestr("trace.network", network)
        made.writestr(
            "resources/x.json", f'{{"access_token":"{token}","pin":"hunter22"}}'.encode() + b"\xff"
        )
        made.writestr("screencast/p.jpeg", b"\xff\xd8 hunter22")
    (tmp_path / "junit.xml").write_text(f"<testsuites>{token} hunter22</testsuites>")
    (tmp_path / "broken.zip").write_bytes(b"hunter22")

    traces.clean(tmp_path, lambda text: text.replace("hunter22", "***"))

    with zipfile.ZipFile(tmp_path / "trace.zip") as kept:
        texts = kept.read("trace.network") + kept.read("resources/x.json")
        assert b"\xff\xd8 hunter22" == kept.read("screencast/p.jpeg")
    for gone in (b"abc", b"short-key", b"crumbs", token.encode(), b"hunter22"):
        assert gone not in texts
    assert b'"value":"text/html"' in texts
    assert texts.endswith(b"\xff")
    assert "<testsuites>*** ***</testsuites>" == (tmp_path / "junit.xml").read_text()
    assert not (tmp_path / "broken.zip").exists()
