"""SIGINT, SIGTERM and SIGHUP end a run without losing a child or interrupting the cleanup."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scripts.errors import DeskError, DiskFull, Interrupted

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota exceeded, file too large

_state = {"deferred": 0, "pending": 0}


class Stop(KeyboardInterrupt):
    """A signal arrived. A KeyboardInterrupt, because libraries swallow every `Exception`."""


def listen() -> None:
    """Make each signal raise `Stop` in the main thread."""
    for number in HANDLED:
        signal.signal(number, _handle)


def ignore() -> None:
    """Ignore signals from now on, so that they can't interrupt the cleanup."""
    if threading.current_thread() is threading.main_thread():
        for number in HANDLED:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def deferred() -> Iterator[None]:
    """Hold a signal back until the block ends, for a step that must not be cut in two."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state["deferred"] += 1
    try:
        yield
    finally:
        _state["deferred"] -= 1
        number = _state["pending"]
        if number and not _state["deferred"]:
            _state["pending"] = 0
            raise Stop(_name(number))


def _handle(number: int, _frame: FrameType | None) -> None:
    if _state["deferred"]:
        _state["pending"] = number
        return
    raise Stop(_name(number))


def _name(number: int) -> str:
    return f"interrupted by {signal.Signals(number).name}"


def as_desk_error(fault: BaseException) -> DeskError | None:
    """The `DeskError` for a fault that people can act on; None for a bug, which shows its traceback."""
    if isinstance(fault, DeskError):
        return fault
    if isinstance(fault, Stop):
        return Interrupted(str(fault))
    if isinstance(fault, OSError) and fault.errno in FULL:
        at = f" at `{fault.filename}`" if fault.filename else ""
        return DiskFull(f"this machine's disk is full{at}: {fault.strerror}", "`df -h` says which one")
    return None
