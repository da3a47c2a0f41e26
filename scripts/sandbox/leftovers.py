"""Finds processes that began on a host of the sandbox and got away from every pid file."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

GRACE = 2.0


def end(hosts: Path) -> int:
    """End them, and say how many there were. Without /proc (macOS) none are found.

    They are known by the mark in their environment (`AIRHOST_SANDBOX_HOST`), or by standing in a
    folder below `hosts` without a terminal: a person's shell that stands there is spared.
    """
    found = set(_strays(hosts))
    for pid in found:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and found & set(_strays(hosts)):
        time.sleep(0.05)
    for pid in found & set(_strays(hosts)):
        _signal(pid, signal.SIGKILL)
    return len(found)


def _strays(hosts: Path) -> Iterator[int]:
    mark = f"AIRHOST_SANDBOX_HOST={hosts}/".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            marked = any(
                part.startswith(mark) for part in (folder / "environ").read_bytes().split(b"\0")
            )
            state, _, _, _, terminal = (folder / "stat").read_text().rpartition(")")[2].split()[:5]
            stands = (folder / "cwd").readlink().is_relative_to(hosts)
            if state != "Z" and (marked or (stands and terminal == "0")):
                yield int(folder.name)


def _signal(pid: int, number: int) -> None:
    if pid != os.getpid():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
