"""Work beside the main thread that nobody has to wait for: a task ends with `os._exit`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


def submit(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Start the work in a daemon thread; its value, or what it raised, is the future's.

    Unlike a pool's `with`, nothing here waits for a thread that hangs when a signal arrives.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as fault:  # noqa: BLE001 - it is raised again where it is asked for
            future.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return future


# The clock that waits go by, and when this process was started on it.


def boottime() -> float:
    """Seconds that only go forward, and count the time that a laptop slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def process_start() -> float:
    """When this process was started, on that clock; now, where the system does not say (`proc(5)`)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return boottime()
