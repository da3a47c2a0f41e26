"""A lock of the kernel's on a file, which is there only while somebody holds it.

It ends with the process, however that ends. Its owner removes the file before he lets go of it. Who had
opened it by then would lock a file without a name, beside the next one who makes it anew. So a lock counts
only on a file that still has its name; else the name is opened again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


def acquire(file: Path) -> int | None:
    """The handle of the lock, for `release`; None while somebody else holds it. Its folder must exist."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def release(file: Path, handle: int) -> None:
    """Remove the file, which is still ours, then let go of it. One that can't be removed locks nothing."""
    try:
        with contextlib.suppress(OSError):
            file.unlink()
    finally:
        os.close(handle)
