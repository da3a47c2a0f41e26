"""What the tasks of releases import before they do anything."""

from __future__ import annotations

import subprocess
import sys

from tests.support.desks import ROOT

LATER = """
import sys
from invoke.context import Context
import scripts.app, tasks
scripts.app.run = lambda load, _request: load()
task = tasks.namespace["status"]
task(Context(), **{each.name: each.default for each in task.request.options()})
print(*sys.modules)
"""
# The page is for `--web`, and what a release observes for releases; the clients of URLs and databases are
# imported while others already wait for answers.
NOT_AT_ONCE = {"scripts.monitor.page", "scripts.release.observe", "sqlite3", "requests", "psycopg"}


def test_status_imports_little_before_it_asks() -> None:
    """Its answers are waited for from then on."""
    said = subprocess.run(
        [sys.executable, "-c", LATER], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout

    assert "scripts.release.status" in said.split()
    assert not NOT_AT_ONCE & {*said.split()}
