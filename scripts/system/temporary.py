"""Temporary folders of the desk: gone at the end, and cleared by the next run should this one be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.system import daemon, signals

PREFIX = "release-desk-"
YOUNG = 60.0  # seconds in which a folder without an owner is one that is just being made
PATIENCE = 3.0  # seconds until a folder that is still written to must be gone


@contextmanager
def folder(beside: Path | None = None) -> Iterator[Path]:
    """A folder of our own (0700) there or in the system's place; what killed runs left goes first.

    It is the place for what must not outlive a run: passwords, lists, customers' data on their way.
    """
    clear(beside or Path(tempfile.gettempdir()))
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
    try:
        daemon.record(made / "owner", os.getpid())
        yield made
    finally:
        with signals.deferred():
            _remove(made)


def clear(place: Path) -> None:
    """Remove what killed runs left, and end what still works in it."""
    for each in place.glob(f"{PREFIX}*"):
        if _abandoned(each):
            end_in(each)
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


# What a killed run left behind: children that go on working in a folder of its own.


GRACE = 2.0  # seconds between SIGTERM and SIGKILL: PostgreSQL gives back its memory in them


def end_in(folder: Path) -> None:
    """End each group whose leader was started with that folder's path; it must be nobody else's folder.

    A child of ours leads a session of its own, which a person's `tail` or `ls` does not.
    """
    found = list(_leaders(os.fsencode(folder)))
    _signal_leader(found, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while found and time.monotonic() < deadline:
        time.sleep(0.02)
        found = list(_leaders(os.fsencode(folder)))
    _signal_leader(found, signal.SIGKILL)


def _leaders(wanted: bytes) -> Iterator[int]:
    for pid, line in _command_lines():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if wanted in line and pid != os.getpid() and os.getsid(pid) == pid:
                yield pid


def _signal_leader(groups: list[int], number: int) -> None:
    for each in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(each, number)


def _command_lines() -> Iterator[tuple[int, bytes]]:
    """Every process that can be seen, with what it was started with."""
    if not Path("/proc/self").exists():  # macOS
        rows = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, check=False).stdout
        for row in rows.splitlines():
            pid, _, line = row.strip().partition(b" ")
            yield int(pid), line
        return
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            yield int(entry.name), (entry / "cmdline").read_bytes()
