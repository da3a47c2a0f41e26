"""A folder to work in beside the backups, cleared by the next one should we be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.errors import CommandFailed
from scripts.system import daemon, signals

PREFIX = ".partial-"
YOUNG = 60.0  # seconds in which a folder without an owner is one that is just being made


@contextlib.contextmanager
def opened(beside: Path, name: str) -> Iterator[Path]:
    """The folder (0700), on the same disk as the backups; gone at the end, whatever it holds.

    Raises:
        CommandFailed: it can't be made.
    """
    folder = beside / f"{PREFIX}{name}"
    try:
        beside.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.chmod(0o700)
        clear(beside)
        folder.mkdir(mode=0o700)
        daemon.record(folder / "owner", os.getpid())
    except OSError as fault:
        shutil.rmtree(folder, ignore_errors=True)
        raise CommandFailed(f"`{folder}` can't be made: {fault.strerror}") from None
    try:
        yield folder
    finally:
        with signals.deferred():
            shutil.rmtree(folder, ignore_errors=True)


def clear(beside: Path) -> list[str]:
    """Remove what killed ones left, and backups whose removal was broken off; returns the names."""
    gone = [each for each in beside.glob(f"{PREFIX}*") if _abandoned(each)]
    gone += [
        each
        for each in beside.glob("[0-9]*")
        if each.is_dir() and not (each / "MANIFEST.json").exists() and _old(each)
    ]
    for each in gone:
        shutil.rmtree(each, ignore_errors=True)
    return [each.name for each in gone]


def _abandoned(folder: Path) -> bool:
    """Its owner is dead, or never said who he is."""
    if (folder / "owner").exists():
        return daemon.running(folder / "owner") is None
    return _old(folder)


def _old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > YOUNG
    except OSError:  # another one is removing it
        return False
