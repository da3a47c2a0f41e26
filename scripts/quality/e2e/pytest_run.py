"""pytest as a child: what it is told, and the programs that its journeys need."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.system.command import Command

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
REPORT = "junit.xml"


@dataclass(frozen=True)
class Journeys:
    """One run of journeys.

    Args:
        folder: where the tests lie.
        reports: where the report and the artefacts go.
        smoke: only what is marked so.
        only: as `pytest -k`.
        variables: all that the journeys get beside the clean base.
    """

    folder: Path
    reports: Path
    smoke: bool
    only: str
    variables: Mapping[str, str]
    timeout: float

    @property
    def report(self) -> Path:
        """The JUnit file."""
        return self.reports / REPORT

    def command(self) -> Command:
        """The call; the folder's own `pytest.ini` holds, and nothing of the caller's environment."""
        chosen = [*(("-m", "smoke") if self.smoke else ()), *(("-k", self.only) if self.only else ())]
        argv = (
            *(sys.executable, "-m", "pytest", "-q", "-rfEs", "--tb=short", "--color=no"),
            *("-p", "no:cacheprovider", f"--rootdir={self.folder}", f"--junitxml={self.report}"),
            *("-o", "junit_logging=no", *chosen, str(self.folder)),
        )
        return Command(argv, cwd=self.folder, env=self.variables, timeout=self.timeout)


def browser() -> str:
    """The system's browser, "" when there is none (Playwright's own may be there)."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def lacks_playwright() -> bool:
    """Whether the Python package that drives the browser is missing."""
    return importlib.util.find_spec("playwright") is None


# JUnit XML: what a test run says of itself, test by test.


LARGEST = 20_000_000  # bytes
Row = tuple[str, str, float, str]  # name; passed, failed, error or skipped; seconds; message


def read_junit(file: Path) -> list[Row] | None:
    """One row a test, in order; None when there is no report that could be believed.

    A test that fails and whose teardown fails as well stands there twice: the worst of it counts.
    """
    try:
        raw = file.read_bytes()
        if len(raw) > LARGEST or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
            return None
        root = ET.fromstring(raw)  # noqa: S314 - our own child's; entities were just refused
        if root.tag not in ("testsuites", "testsuite"):
            return None
        rows: dict[str, Row] = {}
        for case in root.iter("testcase"):
            row = _row(case)
            known = rows.get(row[0])
            rows[row[0]] = row if known is None or known[1] in ("passed", "skipped") else known
    except (OSError, ET.ParseError, ValueError):
        return None
    return list(rows.values())


def _row(case: ET.Element) -> Row:
    name = f"{case.get('classname', '')}::{case.get('name', '')}".removeprefix("::")
    seconds = float(case.get("time") or 0)
    for kind, ending in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        found = case.find(kind)
        if found is not None:
            return name, ending, seconds, found.get("message") or (found.text or "").strip()
    return name, "passed", seconds, ""
