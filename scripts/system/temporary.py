"""Temporary folders: removed at the end of a run, also of one that is killed, at the latest by the next."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.system import daemon, guardian, leftovers, signals

PREFIX = "release-desk-"
YOUNG = 60.0  # seconds: a younger folder without an owner is just being created
LAST_BREATH = 5.0  # seconds until a starter whose pipe has closed must be dead
REMOVE_TIMEOUT = 3.0  # seconds until a folder that a process still writes to must be gone


@contextmanager
def folder(parent: Path | None = None, prefix: str = PREFIX, label: str = "") -> Iterator[Path]:
    """A new folder (0700), for what must not outlive a run: passwords, lists, customers' data.

    Folders of killed runs are removed first. If this run is killed, its guardian ends what works in the
    folder, and removes it.

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
        guardian.watch(created)
        yield created
    finally:
        with signals.deferred():
            _remove(created)
            if not created.exists():
                guardian.release(created)


def abandoned(parent: Path | None = None, prefix: str = PREFIX) -> list[Path]:
    """The folders of killed runs."""
    folders = (parent or Path(tempfile.gettempdir())).glob(f"{prefix}*")
    return sorted(path for path in folders if _is_abandoned(path))


def clear_abandoned(parent: Path, prefix: str = PREFIX) -> list[str]:
    """Remove the folders of killed runs, and end what still works in them; returns their names."""
    found = abandoned(parent, prefix)
    _clear(found)
    return [path.name for path in found]


def guard(told: Iterable[bytes]) -> None:
    """Do what a guardian does: take down what is to be removed, and remove it when the starter is gone.

    Args:
        told: lines `+PATH` and `-PATH`; they end when nobody is left who could write one.
    """
    signals.ignore()  # it ends when its work is done
    folders: dict[Path, None] = {}
    for line in told:
        path = Path(os.fsdecode(line[1:].rstrip(b"\n")))
        if line.startswith(b"+"):
            folders[path] = None
        else:
            folders.pop(path, None)
    left = [path for path in folders if path.exists()]
    deadline = time.monotonic() + LAST_BREATH
    while not all(map(_is_abandoned, left)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _clear([path for path in left if _is_abandoned(path)])


def _clear(folders: Iterable[Path]) -> None:
    for path in folders:
        leftovers.end_in(path)
        _remove(path)


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
