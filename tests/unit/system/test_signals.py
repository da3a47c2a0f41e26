"""Signals end a run, and faults that people can act on are errors of the family."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from scripts.errors import CommandFailed, Interrupted, Locked
from scripts.system import signals
from scripts.system.signals import HANDLED, Stop, as_desk_error, deferred
from tests.support.processes import wait_until


@pytest.fixture
def _listening() -> Iterator[None]:
    """Signals raise `Stop` for the time of a test."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    signals.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_listening")
@pytest.mark.parametrize("number", HANDLED)
def test_a_signal_raises_stop(number: signal.Signals) -> None:
    """It names the signal, and is no `Exception`, which libraries swallow."""
    with pytest.raises(Stop, match=f"interrupted by {number.name}") as caught:
        signal.raise_signal(number)

    assert not isinstance(caught.value, Exception)


@pytest.mark.usefixtures("_listening")
def test_a_deferred_signal_arrives_after_the_outermost_block() -> None:
    """Blocks may be nested; nothing is cut in two, and the signal is not lost."""
    done: list[str] = []

    def work() -> None:
        with deferred():
            with deferred():
                signal.raise_signal(signal.SIGTERM)
                done.append("inner")
            done.append("outer")

    with pytest.raises(Stop, match="SIGTERM"):
        work()

    assert done == ["inner", "outer"]
    with deferred():  # nothing is pending any more
        pass


@pytest.mark.usefixtures("_listening")
def test_another_signal_is_answered_while_the_first_is_held_back() -> None:
    """Somebody who presses Ctrl-C twice is told that the first one counts."""
    said: list[str] = []
    signals.listen(said.append)

    def work() -> None:
        with deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stop):
        work()

    assert wait_until(lambda: said == [signals.STOPPING], 3)


@pytest.mark.usefixtures("_listening")
def test_ignored_signals_do_nothing() -> None:
    """The cleanup runs to its end."""
    signals.ignore()

    signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("_listening")
def test_a_second_signal_does_not_interrupt_the_unwinding(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered; one that comes much later interrupts again: the first may have been swallowed."""
    said: list[str] = []
    signals.listen(said.append)
    with pytest.raises(Stop):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    assert wait_until(lambda: said == [signals.STOPPING], 3)

    monkeypatch.setattr(signals, "UNWINDS", 0.0)
    with pytest.raises(Stop):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("_listening")
def test_a_signal_during_the_cleanup_is_answered() -> None:
    """With what is being done at that moment, each time."""
    said: list[str] = []
    at = ["build"]
    signals.listen(said.append)
    signals.answer(lambda: f"putting back, at `{at[0]}`")
    signal.raise_signal(signal.SIGINT)
    assert wait_until(lambda: len(said) == 1, 3)
    at[0] = "verify"
    signal.raise_signal(signal.SIGTERM)
    assert wait_until(lambda: said == ["putting back, at `build`", "putting back, at `verify`"], 3)


@pytest.mark.usefixtures("_listening")
def test_another_thread_can_defer_nothing() -> None:
    """Signals arrive in the main thread; elsewhere the block is just run."""
    ran: list[str] = []

    def work() -> None:
        with deferred():
            ran.append("block")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert ran == ["block"]


def failed(number: int, *more: str) -> OSError:
    """An error of the system."""
    return OSError(number, os.strerror(number), *more)


def test_an_error_of_the_family_stays_itself() -> None:
    """It is not wrapped."""
    fault = Locked("somebody else")

    assert as_desk_error(fault) is fault


def test_a_signal_is_an_interruption() -> None:
    """Code 130, with the name of the signal."""
    ending = as_desk_error(Stop("interrupted by SIGTERM"))

    assert isinstance(ending, Interrupted)
    assert (ending.code, ending.message) == (130, "interrupted by SIGTERM")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_reported_with_its_file(number: int) -> None:
    """A full disk, a quota and a file limit are code 3."""
    ending = as_desk_error(failed(number, "/var/x"))

    assert isinstance(ending, CommandFailed)
    assert ending.code == 3
    assert ending.message.startswith("this machine's disk is full at `/var/x`: ")


@pytest.mark.parametrize("fault", [failed(errno.EACCES, "/x"), ValueError("x"), KeyboardInterrupt()])
def test_anything_else_is_a_bug(fault: BaseException) -> None:
    """It shows its traceback."""
    assert as_desk_error(fault) is None
