"""Work beside the main thread that nobody has to wait for: a task ends with `os._exit`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


def begin(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
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
