"""JUnit reports: written by code of a commit, so nothing in them is trusted but names and endings."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from scripts.quality.cases import Case

MAX_REPORT = 20_000_000  # bytes
ORDER = ("skipped", "passed", "void", "failed", "error")  # of a test that is listed twice, the worst counts
RETRIES = (
    "flakyFailure",
    "flakyError",
    "rerunFailure",
    "rerunError",
)  # Surefire's elements, and Playwright's
RETRY = re.compile(r"-retry\d+[/\\]")  # a folder of Playwright's: what a second try left
ON_RETRY = "it passed on a retry only"
EXPECTED = "it is expected to fail (`test.fail`)"


def read_junit(file: Path) -> list[Case] | None:
    """One case per test, in order; None if there is no report that can be trusted.

    A test whose teardown fails is listed twice. The first fault counts. A pass on a retry is `void`.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_REPORT + 1)
        if len(raw) > MAX_REPORT or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
            return None
        root = ET.fromstring(raw)  # noqa: S314 - our own child's; entities were refused above
        if root.tag not in ("testsuites", "testsuite"):
            return None
        cases: dict[str, Case] = {}
        for case in map(_case, root.iter("testcase")):
            known = cases.get(case.name)
            if known is None or (
                known.ending in ORDER[:3] and ORDER.index(case.ending) >= ORDER.index(known.ending)
            ):
                cases[case.name] = case
    except (OSError, ET.ParseError, ValueError):
        return None
    return list(cases.values())


def _case(element: ET.Element) -> Case:
    name = f"{element.get('classname', '')}::{element.get('name', '')}".removeprefix("::")
    seconds = float(element.get("time") or 0)
    for tag, ending in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        child = element.find(tag)
        if child is not None:
            return Case(name, ending, seconds, child.get("message") or (child.text or "").strip())
    properties = {each.get("name", ""): each.get("value", "") for each in element.iter("property")}
    if "fail" in properties:  # Playwright's `test.fail`: it would pass whatever is served that is broken
        return Case(name, "void", seconds, EXPECTED, properties)
    retried = any(element.find(tag) is not None for tag in RETRIES)
    if retried or RETRY.search(element.findtext("system-out") or ""):
        return Case(name, "void", seconds, ON_RETRY, properties)
    return Case(name, "passed", seconds, properties=properties)
