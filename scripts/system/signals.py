"""SIGINT, SIGTERM and SIGHUP end a run without losing a child or interrupting the cleanup."""

from __future__ import annotations

import errno
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from scripts.errors import DeskError, DiskFull, Interrupted

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota exceeded, file too large

UNWINDS = 3.0  # seconds after a signal in which another one interrupts nothing more
STOPPING = "already stopping: what was begun is being put back"
ENDING = "already ending: nothing is left to interrupt"

_state = {"deferred": 0, "pending": 0}
_raised: list[float] = []  # when `Stop` was raised last
_says: list[Callable[[str], None]] = []  # where a signal is answered that interrupts nothing


class Stop(KeyboardInterrupt):
    """A signal arrived. A KeyboardInterrupt, because libraries swallow every `Exception`."""


def listen(say: Callable[[str], None] | None = None) -> None:
    """Make each signal raise `Stop` in the main thread; `say` writes to people, see `answer`."""
    _says[:] = [say] if say else []
    _raised.clear()
    for number in HANDLED:
        signal.signal(number, _handle)


def ignore() -> None:
    """Ignore signals from now on, so that they can't interrupt the cleanup."""
    if threading.current_thread() is threading.main_thread():
        for number in HANDLED:
            signal.signal(number, signal.SIG_IGN)


def answer(words: Callable[[], str]) -> None:
    """As `ignore`, and each signal is answered: what is being put back, and what its end would leave.

    A thread of its own writes that: the signal may have come in the midst of a line.
    """

    def tell(_number: int, _frame: FrameType | None) -> None:
        _tell(words)

    if threading.current_thread() is threading.main_thread():
        for number in HANDLED:
            signal.signal(number, tell)


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
            _raised[:] = [time.monotonic()]
            raise Stop(_name(number))


def _handle(number: int, _frame: FrameType | None) -> None:
    if _state["deferred"]:
        if _state["pending"]:  # an impatient person
            _tell(lambda: STOPPING)
        _state["pending"] = number
        return
    if _raised and time.monotonic() - _raised[-1] < UNWINDS:  # the lock is not yet in hand again
        _tell(lambda: STOPPING)
        return
    _raised[:] = [time.monotonic()]
    raise Stop(_name(number))


def _tell(words: Callable[[], str]) -> None:
    for say in _says:
        threading.Thread(target=lambda say=say: say(words()), daemon=True).start()


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
