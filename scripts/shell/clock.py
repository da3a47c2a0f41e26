"""The clock that waits go by, and when this process was started on it."""

from __future__ import annotations

import os
import time
from pathlib import Path


def boottime() -> float:
    """Seconds that only go forward, and count the time that a laptop slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def begun() -> float:
    """When this process was started, on that clock; now, where the system does not say (`proc(5)`)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return boottime()
