"""pytest as a child: what it is told, and the programs that its journeys need."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.shell.command import Command

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
