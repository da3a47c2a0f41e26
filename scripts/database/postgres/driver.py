"""PostgreSQL's driver, imported before it is needed."""

from __future__ import annotations

import importlib

from scripts.system.background import submit


def prepare() -> None:
    """Import it in the background, for whoever waits for something else first."""
    submit(importlib.import_module, "psycopg")
