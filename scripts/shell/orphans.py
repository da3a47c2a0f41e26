"""What a killed run left behind: children that go on working in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path


def end_in(folder: Path) -> None:
    """End each group whose leader was started with that folder's path; it must be nobody else's folder.

    A child of ours leads a session of its own, which a person's `tail` or `ls` does not.
    """
    wanted = os.fsencode(folder)
    for pid, line in _command_lines():
        if wanted in line and pid != os.getpid():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getsid(pid) == pid:
                    os.killpg(pid, signal.SIGKILL)


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
