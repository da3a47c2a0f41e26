"""`[e2e] command`: the app's own suite, such as Playwright's in JavaScript, run on a clean checkout."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.config.desk import Desk
from scripts.quality.app_tests.checkout import Suite, run_on_checkout
from scripts.quality.e2e import pytest_run
from scripts.system.confinement import Confinement

ASKED, OBSERVER = "asked", "observer.cjs"
UNASKED = "no request of the suite to the environment was seen: its `baseURL` should be `E2E_URL`"
ARTEFACTS = "test-results"  # Playwright's traces and screenshots
ONLY = re.compile(rb"\b(?:test|it|describe|suite|context)(?:\.\w+)*\.only\s*\(")
TEST_FILE = re.compile(r"\.(?:spec|test|cy|e2e)\.[cm]?[jt]sx?$")
OTHERS = {"node_modules", ".git", "dist", "build"}  # folders of no tests
MAX_FILE = 1_000_000  # bytes of a file of tests


def _alone(folder: Path) -> Iterator[str]:
    """What says that tests were left out: a `.only` in a file of tests."""
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in OTHERS]
        for file in (Path(at) / name for name in sorted(names) if TEST_FILE.search(name)):
            if file.is_symlink() or file.stat().st_size > MAX_FILE:
                continue
            if found := ONLY.search(file.read_bytes()):
                said = found.group().decode("ascii", "replace").rstrip("( ")
                yield f"`{said}` in `{file.relative_to(folder)}` leaves the other tests out"


def run(
    desk: Desk,
    confined: Confinement,
    commit: str,
    argv: tuple[str, ...],
    given: Mapping[str, str],
    *,
    folder: Path,
) -> tuple[int | None, tuple[str, ...]]:
    """Install, run, and keep the report, the output and the traces in `folder`.

    Returns:
        The exit code (None after a timeout), and why the run proves nothing, if so.

    Raises:
        CommandFailed: the packages could not be installed.
    """
    e2e, app = desk.settings.e2e, desk.settings.app
    shutil.copyfile(Path(__file__).with_name(OBSERVER), confined.place / OBSERVER)
    asked = confined.place / ASKED
    where = confined.place / "commit" / app.folder
    variables = {
        **given,
        "BASE_URL": given["E2E_URL"],
        "PLAYWRIGHT_TEST_BASE_URL": given["E2E_URL"],
        "PLAYWRIGHT_JUNIT_OUTPUT_FILE": str(where / e2e.report),
        "PLAYWRIGHT_JUNIT_INCLUDE_RETRIES": "1",  # a pass on a retry is told as one
        "NODE_OPTIONS": f'--require "{confined.place / OBSERVER}"',
        "E2E_ASKED": str(asked),
    }
    reach = tuple(Path(found).resolve() for found in (pytest_run.browser(),) if found)
    suite = Suite(argv, e2e.report, variables, e2e.timeout, "journeys", reach)
    code, _ = run_on_checkout(desk, confined, commit, suite, folder)
    confined.collect(str((where / ARTEFACTS).relative_to(confined.place)), folder / ARTEFACTS)
    doubts = [UNASKED] if confined.read(ASKED, 0) is None else []
    return code, (*doubts, *_alone(where))
