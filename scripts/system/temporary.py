"""Temporary folders of the desk: gone at the end, and cleared by the next run should this one be killed."""

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
YOUNG = 60.0  # seconds in which a folder without an owner is one that is just being made
PATIENCE = 3.0  # seconds until a folder that is still written to must be gone


@contextmanager
def folder(beside: Path | None = None) -> Iterator[Path]:
    """A folder of our own (0700) there or in the system's place; what killed runs left goes first.

    It is the place for what must not outlive a run: passwords, lists, customers' data on their way.
    """
    clear_abandoned(beside or Path(tempfile.gettempdir()))
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
    try:
        daemon.record(made / "owner", os.getpid())
        yield made
    finally:
        with signals.deferred():
            _remove(made)


def clear_abandoned(place: Path) -> None:
    """Remove what killed runs left, and end what still works in it."""
    for each in place.glob(f"{PREFIX}*"):
        if _abandoned(each):
            leftovers.end_in(each)
            _remove(each)


def _abandoned(folder: Path) -> bool:
    """Ours, and its owner is dead or never said who he is."""
    try:
        known = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or known.st_uid != os.getuid():
            return False
        if (folder / "owner").exists():
            return daemon.running(folder / "owner") is None
    except OSError:  # another one is removing it
        return False
    return time.time() - known.st_mtime > YOUNG


def _remove(folder: Path) -> None:
    """Take it away; who still writes there would make it anew."""
    deadline = time.monotonic() + PATIENCE
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() or time.monotonic() > deadline:
            return  # where it could not be done, the next one tries again
        time.sleep(0.05)
