"""Migrations with the verdict that is right for each, after a schema of earlier migrations."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
EARLIER = (HERE / "earlier.sql").read_text()
STATEMENTS = [
    (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])
    for line in (HERE / "statements.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
