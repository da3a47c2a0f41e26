"""`scripts.system.signals`: what people can act on is an ending, our own bug is none."""

import errno
import os

import pytest

from scripts.errors import CommandFailed, Interrupted, Locked
from scripts.system.signals import Stop, as_desk_error


def failed(number: int, *more: str) -> OSError:
    return OSError(number, os.strerror(number), *more)


def test_the_family_stays_itself() -> None:
    fault = Locked("somebody else")

    assert as_desk_error(fault) is fault


def test_a_signal_is_an_interruption() -> None:
    ending = as_desk_error(Stop("interrupted by SIGTERM"))

    assert isinstance(ending, Interrupted)
    assert (ending.code, ending.message) == (130, "interrupted by SIGTERM")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_with_its_file(number: int) -> None:
    ending = as_desk_error(failed(number, "/var/x"))

    assert isinstance(ending, CommandFailed)
    assert ending.code == 3
    assert ending.message.startswith("this machine's disk is full at `/var/x`: ")


@pytest.mark.parametrize("fault", [failed(errno.EACCES, "/x"), ValueError("x"), KeyboardInterrupt()])
def test_anything_else_is_our_own(fault: BaseException) -> None:
    assert as_desk_error(fault) is None
