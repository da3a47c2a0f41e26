"""Which faults are endings that people can act on: the family, a signal, a machine without room."""

from __future__ import annotations

import errno

from scripts.errors import DeskError, DiskFull, Interrupted
from scripts.shell.signals import Stop

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, none of it for us, none for this file


def ending_of(fault: BaseException) -> DeskError | None:
    """The error of the family that says it; None for our own bug, which shows its traceback."""
    if isinstance(fault, DeskError):
        return fault
    if isinstance(fault, Stop):
        return Interrupted(str(fault))
    if isinstance(fault, OSError) and fault.errno in FULL:
        at = f" at `{fault.filename}`" if fault.filename else ""
        return DiskFull(f"this machine's disk is full{at}: {fault.strerror}", "`df -h` says which one")
    return None
