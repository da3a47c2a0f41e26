"""What a killed run left behind: children that go on working in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

GRACE = 2.0  # seconds between SIGTERM and SIGKILL: PostgreSQL gives back its memory in them


def end_in(folder: Path) -> None:
    """End each group whose leader was started with that folder's path; it must be nobody else's folder.

    A child of ours leads a session of its own, which a person's `tail` or `ls` does not.
    """
    found = list(_leaders(os.fsencode(folder)))
    _signal(found, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while found and time.monotonic() < deadline:
        time.sleep(0.02)
        found = list(_leaders(os.fsencode(folder)))
    _signal(found, signal.SIGKILL)


def _leaders(wanted: bytes) -> Iterator[int]:
    for pid, line in _command_lines():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if wanted in line and pid != os.getpid() and os.getsid(pid) == pid:
                yield pid


def _signal(groups: list[int], number: int) -> None:
    for each in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(each, number)


def _command_lines() -> Iterator[tuple[int, bytes]]:
    """Every process that can be seen, with what it was started with."""
    if not Path("/proc/self").exists():  # macOS
        rows = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, check=False).stdout
        for row in rows.splitlines():
            pid, _, line = row.strip().partition(b" ")
            yield int(pid), line
        return
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            yield int(entry.name), (entry / "cmdline").read_bytes()
