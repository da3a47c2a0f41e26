"""The stand-in for Sentry, as a process of its own, for the tests of some file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.config.settings import Sentry
from scripts.sandbox import inbox, stand_in
from scripts.sandbox.host_config import write_private
from scripts.system import ports

KEY = "sntrys_the-token-of-a-test"


class Told:
    """The stand-in, and what it noted."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = ports.find_free(1)
        self.folder = folder
        inbox.start(folder, self.port, KEY)

    def __call__(self, *issues: dict[str, Any]) -> None:
        """Have it know these issues."""
        write_private(self.folder / "issues.json", list(issues))

    @property
    def settings(self) -> Sentry:
        """That name it."""
        return Sentry("sandbox", ("sandbox",), f"http://127.0.0.1:{self.port}")

    def calls(self) -> list[dict[str, Any]]:
        """What it took since the last time."""
        file = self.folder / "sentry.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def play(self, *faults: dict[str, Any]) -> None:
        """Have it answer so, once each."""
        write_private(self.folder / "faults.json", {"sentry": list(faults)})


@contextmanager
def sentry(folder: Path) -> Iterator[Told]:
    """It runs for the time of the block."""
    made = Told(folder)
    try:
        yield made
    finally:
        stand_in.stop(folder)


def issue(commit: str, **more: Any) -> dict[str, Any]:
    """An error that was seen first in that release, in production."""
    known = {"shortId": "AIRHOST-1A", "title": "TypeError: x is undefined", "environment": "production"}
    return {**known, "firstRelease": commit, **more}
