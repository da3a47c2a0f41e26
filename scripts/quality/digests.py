"""Digests of folders: of a test's report, and of the journeys that are shipped with the desk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scripts import DESK
from scripts.quality.evidence import Journeys

SHIPPED_TESTS = DESK / "tests" / "e2e"
LOAD_TESTS = DESK / "loadtests"


def digest_of(folder: Path, pattern: str = "*") -> str:
    """`sha256:` and 64 hex digits over the names and contents of all files below a folder."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob(pattern)):
        if file.is_file() and "__pycache__" not in file.parts:
            with file.open("rb") as content:
                one = hashlib.file_digest(content, "sha256").hexdigest()
            whole.update(f"{file.relative_to(folder).as_posix()}\0{one}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def journeys_here() -> Journeys:
    """The digests of what is shipped: the browser tests, and the journeys of load tests."""
    return Journeys(digest_of(SHIPPED_TESTS), digest_of(LOAD_TESTS, "*.py"))
