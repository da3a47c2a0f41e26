"""Temporary folders of the desk, removed at the end, or by the next run if this one is killed."""

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
YOUNG = 60.0  # seconds; a younger folder without an owner file is still being made
PATIENCE = 3.0  # seconds to keep trying to remove a folder that is still written to


@contextmanager
def folder(parent: Path | None = None) -> Iterator[Path]:
    """A private folder (0700) in `parent` or the system's temporary folder, removed with the block.

    For what must not outlive a run: passwords, lists, customers' data in transit. The folders of killed
    runs in the same place are removed first.
    """
    clear_abandoned(parent or Path(tempfile.gettempdir()))
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        daemon.record(made / "owner", os.getpid())
        yield made
    finally:
        with signals.deferred():
            _remove(made)


def clear_abandoned(parent: Path) -> None:
    """Remove the folders of killed runs in `parent`, and end the processes that still work in them."""
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_abandoned(folder):
            leftovers.end_in(folder)
            _remove(folder)


def _is_abandoned(folder: Path) -> bool:
    """Whether the folder is this user's and its owner is dead, or none was recorded within `YOUNG`."""
    try:
        stat = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or stat.st_uid != os.getuid():
            return False
        if (folder / "owner").exists():
            return daemon.running(folder / "owner") is None
    except OSError:  # another run is removing it
        return False
    return time.time() - stat.st_mtime > YOUNG


def _remove(folder: Path) -> None:
    """Remove the folder, again while a process that is ending still writes to it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() or time.monotonic() > deadline:
            return  # if it could not be removed, the next run tries again
        time.sleep(0.05)
