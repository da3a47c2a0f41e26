"""SIGINT, SIGTERM and SIGHUP end a run; no child is lost on the way, no cleaning up disturbed."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scripts.errors import DeskError, DiskFull, Interrupted

LISTENED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_state = {"deferred": 0, "pending": 0}


class Stop(KeyboardInterrupt):
    """A signal arrived. A KeyboardInterrupt, because libraries swallow every `Exception`."""


def listen() -> None:
    """From now on a signal raises `Stop` in the main thread."""
    for each in LISTENED:
        signal.signal(each, _arrived)


def ignore() -> None:
    """No more: what is being put back must not be broken off."""
    if threading.current_thread() is threading.main_thread():
        for each in LISTENED:
            signal.signal(each, signal.SIG_IGN)


@contextmanager
def deferred() -> Iterator[None]:
    """A signal waits until this is over: the start of a child must not be cut in two."""
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


def _arrived(number: int, _frame: FrameType | None) -> None:
    if _state["deferred"]:
        _state["pending"] = number
        return
    raise Stop(_name(number))


def _name(number: int) -> str:
    return f"interrupted by {signal.Signals(number).name}"


# Which faults are endings that people can act on: the family, a signal, a machine without room.


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, none of it for us, none for this file


def as_desk_error(fault: BaseException) -> DeskError | None:
    """The error of the family that says it; None for our own bug, which shows its traceback."""
    if isinstance(fault, DeskError):
        return fault
    if isinstance(fault, Stop):
        return Interrupted(str(fault))
    if isinstance(fault, OSError) and fault.errno in FULL:
        at = f" at `{fault.filename}`" if fault.filename else ""
        return DiskFull(f"this machine's disk is full{at}: {fault.strerror}", "`df -h` says which one")
    return None
