"""Temporary folders: removed at the end, and by the next run if this one is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.system import daemon, leftovers, signals

PREFIX = "release-desk-"
YOUNG = 60.0  # seconds: a younger folder without an owner is just being created
REMOVE_TIMEOUT = 3.0  # seconds until a folder that a process still writes to must be gone


@contextmanager
def folder(parent: Path | None = None, prefix: str = PREFIX, label: str = "") -> Iterator[Path]:
    """A new folder (0700), for what must not outlive a run: passwords, lists, customers' data.

    Folders of killed runs are removed first.

    Args:
        parent: where to create it; None for the system's temporary folder.
        prefix: its name starts with this; `clear_abandoned` finds it by that.
        label: follows the prefix, to tell people what it is.

    Raises:
        OSError: it can't be created.
    """
    clear_abandoned(parent or Path(tempfile.gettempdir()), prefix)
    created = Path(tempfile.mkdtemp(prefix=prefix + label, dir=parent))
    try:
        daemon.record(created / "owner", os.getpid())
        yield created
    finally:
        with signals.deferred():
            _remove(created)


def clear_abandoned(parent: Path, prefix: str = PREFIX) -> list[str]:
    """Remove the folders of killed runs, and end what still works in them; returns their names."""
    abandoned = [path for path in parent.glob(f"{prefix}*") if _is_abandoned(path)]
    for path in abandoned:
        leftovers.end_in(path)
        _remove(path)
    return [path.name for path in abandoned]


def is_old(path: Path) -> bool:
    """Whether it is older than a folder that is just being created; False if it has vanished."""
    try:
        return time.time() - path.lstat().st_mtime > YOUNG
    except OSError:  # another run is removing it
        return False


def _is_abandoned(path: Path) -> bool:
    """A folder of this user whose owner is dead, or was never recorded."""
    try:
        if path.is_symlink() or not path.is_dir() or path.lstat().st_uid != os.getuid():
            return False
        if (path / "owner").exists():
            return daemon.running(path / "owner") is None
    except OSError:  # another run is removing it
        return False
    return is_old(path)


def _remove(path: Path) -> None:
    """Remove it repeatedly: a process that still writes there would create it again."""
    deadline = time.monotonic() + REMOVE_TIMEOUT
    while True:
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists() or time.monotonic() > deadline:
            return  # what is left, the next run removes
        time.sleep(0.05)
