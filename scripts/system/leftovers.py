"""Find and end the processes that a killed run left behind and that no pid file names.

They are recognised by their command line, by the folder they work in, or by a variable in their
environment. Without /proc (macOS) only `end_in` finds any.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from scripts.errors import CommandFailed
from scripts.system import daemon

WORK: Final = "AIRHOST_SANDBOX_WORK"  # set for the programs that `up` itself runs: the world's folder
WORLD: Final = "AIRHOST_SANDBOX"  # set for every daemon: its folder in the world
GRACE = 2.0  # seconds between SIGTERM and SIGKILL: PostgreSQL frees its shared memory in this time
KILL_LIMIT = 5.0  # seconds until a killed process must be gone


def end_work(world: Path) -> None:
    """End the programs (git, npm, initdb) of a killed `up`. Call it only under the world's lock."""
    _end(lambda: _find(lambda process: _has_mark(process, f"{WORK}={world}")))


def end_daemon(argv: Sequence[str], *, workdir: Path | None = None) -> None:
    """End the daemon with this command line and its children, and wait until they are gone.

    A killed `up` may have started it without writing its pid file. It may not listen yet, so that
    its ports look free.

    Args:
        argv: its command line; a program in front (`setpriv`) is allowed for.
        workdir: where only the daemon and its children work; finds children whose parent is dead.

    Raises:
        CommandFailed: some of them are still there after `KILL_LIMIT`.
    """
    command_line = b"".join(word.encode() + b"\0" for word in argv)

    def belongs(process: Path) -> bool:
        if (process / "cmdline").read_bytes().endswith(command_line):
            return True
        return (
            workdir is not None and (process / "cwd").readlink() == workdir and not _has_terminal(process)
        )

    left = _end(lambda: _find(belongs))
    if left:
        pids = " ".join(map(str, sorted(left)))
        raise CommandFailed(f"processes of an earlier run can't be ended: {pids}", f"`ps -fp {pids}`")


def end_all(world: Path, workdirs: Sequence[Path]) -> None:
    """End every process of a world, and every other one without a terminal that works in these folders.

    A person's shell in one of the folders has a terminal, and stays.
    """

    def belongs(process: Path) -> bool:
        if _has_mark(process, f"{WORK}={world}", f"{WORLD}={world}/"):
            return True
        cwd = (process / "cwd").readlink()
        return any(map(cwd.is_relative_to, workdirs)) and not _has_terminal(process)

    _end(lambda: _find(belongs))


def end_in(folder: Path) -> None:
    """End each session whose leader was started with the path of a folder that is ours alone.

    Our children lead sessions of their own; a person's `tail` or `ls` does not.
    """
    path = os.fsencode(folder)
    _end(lambda: (pid for pid, line in _command_lines() if path in line and _leads_session(pid)))


def _end(find: Callable[[], Iterable[int]]) -> set[int]:
    """SIGTERM, then SIGKILL, to what is found and to its children; returns the pids still alive."""
    doomed: dict[int, str] = {}  # pid -> start time, so that a pid given to another process is spared
    for number, limit in ((signal.SIGTERM, GRACE), (signal.SIGKILL, KILL_LIMIT)):
        for pid in _with_children(find()):
            born = daemon.start_time(pid)
            if born is not None:
                doomed.setdefault(pid, born)
        for pid in _alive(doomed):
            _signal(pid, number)
        deadline = time.monotonic() + limit
        while _alive(doomed) and time.monotonic() < deadline:
            time.sleep(0.02)
    return _alive(doomed)


def _alive(processes: dict[int, str]) -> set[int]:
    return {pid for pid, born in processes.items() if daemon.start_time(pid) == born}


def _signal(pid: int, number: int) -> None:
    """Signal the process, and its group if it leads one that is not our own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid != os.getpgrp():
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _find(belongs: Callable[[Path], bool]) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or another user owns it
            if int(process.name) != os.getpid() and belongs(process):
                yield int(process.name)


def _with_children(found: Iterable[int]) -> set[int]:
    """The processes and all their descendants, read from what any user may read."""
    family = set(found)
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*") if family else ():
        with contextlib.suppress(OSError):
            parents[int(process.name)] = int(_stat(process)[1])
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family - {os.getpid()}


def _has_mark(process: Path, *marks: str) -> bool:
    """Whether a variable is in the environment; a mark that ends with `/` stands for any longer value."""
    variables = (process / "environ").read_bytes().split(b"\0")
    return any(
        variable == mark.encode() or (mark.endswith("/") and variable.startswith(mark.encode()))
        for variable in variables
        for mark in marks
    )


def _has_terminal(process: Path) -> bool:
    return _stat(process)[4] != "0"


def _stat(process: Path) -> list[str]:
    """The fields of `/proc/PID/stat` behind the name: state, parent, group, session, terminal."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _leads_session(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        return pid != os.getpid() and os.getsid(pid) == pid
    return False


def _command_lines() -> Iterator[tuple[int, bytes]]:
    """The pid and command line of every process that this user can see."""
    if not Path("/proc/self").exists():  # macOS
        rows = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, check=False).stdout
        for row in rows.splitlines():
            pid, _, line = row.strip().partition(b" ")
            yield int(pid), line
        return
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            yield int(process.name), (process / "cmdline").read_bytes()
