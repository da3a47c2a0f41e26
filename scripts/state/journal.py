"""The journal of a run: one JSON line for each change of a step, synced to disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from scripts.system.secret import redacted


class Journal:
    """`<folder>/<run>/journal.jsonl`, readable by its owner only.

    It is for people: `resume` reads none of it, it asks the remote, the public URL and the database.
    A journal that can't be written (a full disk) is noted in `fault`, and never stops a run.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.file = folder / run / "journal.jsonl"
        self.fault: str | None = None
        self._digest = hashlib.sha256()

    def write(self, **event: Any) -> None:
        """Append one line, and have it on disk."""
        line = json.dumps(redacted(event), default=str).encode() + b"\n"
        self._digest.update(line)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            handle = os.open(self.file, flags, 0o600)
            try:
                os.write(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as fault:
            self.fault = fault.strerror

    @staticmethod
    def prune(folder: Path, keep: int) -> None:
        """Remove the journals of all runs but the newest `keep`; one that can't be removed stays."""
        runs = sorted(folder.glob("*/journal.jsonl"), key=_age, reverse=True)
        for file in runs[keep:]:
            shutil.rmtree(file.parent, ignore_errors=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what was written so far; the lock holds it too."""
        return self._digest.hexdigest()


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # another run is removing it
        return 0.0
