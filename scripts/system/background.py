"""Background threads that nobody has to join (a task ends with `os._exit`), and the clock for waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


def submit(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Run the call in a daemon thread; the future gives its value or raises what it raised.

    Unlike an executor's `with`, nothing here joins a thread that hangs when a signal arrives.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as fault:  # noqa: BLE001 - `future.result()` raises it again
            future.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return future


class Once(Generic[P, T]):
    """As `functools.cache`, for threads that ask at the same time: one works, the others wait for it."""

    def __init__(self, work: Callable[P, T]) -> None:
        self._known = cache(work)
        self._guard = threading.RLock()
        self.cache_clear = self._known.cache_clear

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value; a fault is not kept."""
        with self._guard:
            return self._known(*args, **kwargs)  # type: ignore[arg-type]


KEPT = 32  # values of a `OnceEach`


class OnceEach(Generic[P, T]):
    """As `Once`; threads that ask with other values do not wait for each other, and the newest are kept."""

    def __init__(self, work: Callable[P, T]) -> None:
        self._work = work
        self._known: dict[tuple[object, ...], Future[T]] = {}
        self._guard = threading.Lock()

    def __call__(self, *args: P.args, **_named: P.kwargs) -> T:
        """The value; a fault is told to who waits for it, and not kept."""
        future: Future[T] = Future()
        with self._guard:
            known = self._known.setdefault(args, future)
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        if known is future:
            try:
                future.set_result(self._work(*args))  # type: ignore[call-arg]
            except BaseException as fault:  # noqa: BLE001 - `future.result()` raises it again
                with self._guard:
                    self._known.pop(args, None)
                future.set_exception(fault)
        return known.result()


def boottime() -> float:
    """Monotonic seconds that include the time a laptop was asleep."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def process_start() -> float:
    """When this process was started, by `boottime` (`proc(5)`, field 22); now, where there is no /proc."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return boottime()
