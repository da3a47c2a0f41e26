"""Looks at processes, and waits for them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

PYTHON = sys.executable


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(true: Callable[[], object], seconds: float = 5.0) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())


def pid_in(file: Path) -> int:
    """The pid that a child wrote to a file; waits for it."""
    if not wait_until(lambda: file.exists() and file.read_text().strip()):
        raise AssertionError(f"nobody wrote {file}")
    return int(file.read_text())


def command_lines() -> dict[int, str]:
    """Every process that runs now, with what it was started with."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if line and alive(int(folder.name)):
            found[int(folder.name)] = line
    return found


def descendants(pid: int) -> list[int]:
    """Its children, theirs, and so on."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found
