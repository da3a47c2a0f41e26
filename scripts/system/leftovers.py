"""Finds processes of a world that got away from every pid file, by a mark in their environment.

Without /proc (macOS) none are found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

WORK: Final = "AIRHOST_SANDBOX_WORK"  # on the programs that `up` itself runs: the world's folder
WORLD: Final = "AIRHOST_SANDBOX"  # on all that stays: a folder somewhere in the world
GRACE = 2.0


def end_work(folder: Path) -> None:
    """End what a killed `up` left running (git, npm, initdb). Only under the world's lock."""
    _end(lambda process: _has_mark(process, f"{WORK}={folder}"))


def end_begun(folder: Path, argv: Sequence[str]) -> None:
    """End the daemon that an `up` began in a folder and was killed before it could write its pid down.

    It may not listen yet, so its ports look free. Its mark alone does not tell: a host's apps bear it too.
    """
    end = b"".join(each.encode() + b"\0" for each in argv)  # a program before it may change the user
    _end(
        lambda process: (
            _has_mark(process, f"{WORLD}={folder}") and (process / "cmdline").read_bytes().endswith(end)
        )
    )


def end_all(folder: Path) -> None:
    """End everything of the world.

    That is also what stands in a folder of a host without a terminal, mark or no mark; a person's
    shell that stands there is spared.
    """
    hosts = folder / "hosts"

    def belongs(process: Path) -> bool:
        if _has_mark(process, f"{WORK}={folder}", f"{WORLD}={folder}/"):
            return True
        return (process / "cwd").readlink().is_relative_to(hosts) and not _has_terminal(process)

    _end(belongs)


def _end(belongs: Callable[[Path], bool]) -> None:
    found = set(_find(belongs))
    for pid in found:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and (found := found & set(_find(belongs))):
        time.sleep(0.05)
    for pid in found:
        _signal(pid, signal.SIGKILL)


def _find(belongs: Callable[[Path], bool]) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if int(process.name) != os.getpid() and belongs(process):
                yield int(process.name)


def _has_mark(process: Path, *marks: str) -> bool:
    """A mark that ends with `/` covers all below it; a zombie has no environment any more."""
    variables = (process / "environ").read_bytes().split(b"\0")
    return any(
        variable == mark.encode() or (mark.endswith("/") and variable.startswith(mark.encode()))
        for variable in variables
        for mark in marks
    )


def _has_terminal(process: Path) -> bool:
    return (process / "stat").read_text().rpartition(")")[2].split()[4] != "0"


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
