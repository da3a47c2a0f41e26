"""What the tasks of releases import before they do anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.desks import ROOT

LATER = """
import sys
from invoke.context import Context
import scripts.app, tasks
scripts.app.run = lambda load, _request: load()
task = tasks.namespace[sys.argv[1]]
options = {each.name: each.default for each in task.request.options() if each.name != "env"}
task(Context(), **options, **dict(each.split("=") for each in sys.argv[2:]))
print(*sys.modules)
"""
# The clients of URLs and databases are imported while others already wait for answers.
CLIENTS = {"requests", "psycopg"}
# The page is for `--web`, what a release observes for releases, and a driver where an environment has it.
NOT_AT_ONCE = {
    "status": {
        "scripts.monitor.page",
        "scripts.release.observe",
        "scripts.replit.launcher_driver",
        "sqlite3",
    },
    # What is done under the lock; what goes back; what watches afterwards.
    "deploy": {"scripts.release.steps", "scripts.release.recover", "scripts.monitor.watcher"},
}


@pytest.mark.parametrize(
    ("typed", "at_once"), [(["status"], "status"), (["deploy", "env=development"], "observe")]
)
def test_a_task_imports_little_before_it_asks(typed: list[str], at_once: str) -> None:
    """Its answers are waited for from then on."""
    argv = (sys.executable, "-c", LATER, *typed)
    said = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()

    assert f"scripts.release.{at_once}" in said
    assert not (NOT_AT_ONCE[typed[0]] | CLIENTS) & {*said}
