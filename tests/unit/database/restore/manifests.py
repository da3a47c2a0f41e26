"""Manifests for the tests of restores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scripts.database.backups.manifest import Manifest, Table

BASE = Manifest(
    id="20261123T181129Z-0123abcd-manual-0001",
    environment="production",
    kind="manual",
    project="app",
    migrations={"1": ""},
    server="17.2",
    client="17.2",
    tables={},
    sequences={},
    extensions={},
    schema_hash="",
    files={},
    left_out=(),
    host="",
    database="",
    started="2026-11-23T18:11:29Z",
    finished="",
    release="",
    commit="",
    wal="",
)


def manifest(**changes: Any) -> Manifest:
    """A manifest of production."""
    return replace(BASE, **changes)


def table(rows: int = 1, checksum: str = "x", size: int = 1) -> Table:
    """A table of a manifest."""
    return Table(rows, checksum, size)
