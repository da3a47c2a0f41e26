"""Processes: each in its own group, limited in time and bytes, and gone when the launcher is gone."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

OWNED = "RELEASE_HOME"  # the variable by which a process of ours is known, whoever its parent is now
TAIL = 8_192  # bytes that are kept of what a process said
DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
# looked up before any fork: another thread may hold the loader's lock then
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
FIRST_FD = 3  # as systemd passes sockets


class Ended(NamedTuple):
    """How a command ended: its code (negative: by that signal; None: time was up), and what it said."""

    code: int | None
    out: bytes
    tail: str


class Spawn(NamedTuple):
    """What to start.

    Args:
        fds: become the descriptors from 3 on; the first `sockets` of them are listening ones.
        leads: it begins a group of its own.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    fds: Sequence[int] = ()
    sockets: int = 0
    nice: int = 0
    leads: bool = True


def die_with_parent(parent: int) -> None:
    """Linux ends this process when its parent dies; elsewhere the control socket's end does."""
    if PRCTL is not None:
        PRCTL(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def start_process(what: Spawn, out: int, err: int) -> int:
    """Fork and execute; the process id, which is the group's as well.

    `subprocess` can't do it: LISTEN_PID has to name the process itself, and the descriptors have to be
    the very numbers 3, 4, ...
    """
    parent, pid = os.getpid(), os.fork()
    if pid:
        return pid
    try:
        die_with_parent(parent)
        _become(what, out, err)
    except BaseException as fault:  # noqa: BLE001 - the child must not go on as a second launcher
        os.write(2, f"can't start `{what.argv[0]}`: {fault}\n".encode("utf-8", "replace"))
    finally:
        os._exit(127)
    raise AssertionError  # not reached


def _become(what: Spawn, out: int, err: int) -> None:
    if what.leads:
        os.setsid()
    for name in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_DFL)
    if what.nice:
        os.nice(what.nice)
    os.chdir(what.cwd)
    # first out of the way of the numbers that are wanted
    high = [
        fcntl.fcntl(fd, fcntl.F_DUPFD, 200)
        for fd in (os.open(os.devnull, os.O_RDONLY), out, err, *what.fds)
    ]
    for number, fd in enumerate(high):
        os.dup2(fd, number)
    for fd in range(3):  # not the sockets: what blocks here would block whoever shares them
        os.set_blocking(fd, True)
    os.closerange(len(high), min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65_536))
    env = dict(what.env)
    if what.sockets:
        env |= {"LISTEN_FDS": str(what.sockets), "LISTEN_PID": str(os.getpid())}
    os.execvpe(what.argv[0], list(what.argv), env)  # noqa: S606 - there is no shell to be wanted


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """The process and all that it started and that did not leave its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def wait_for_exit(pid: int) -> int:
    """The exit code of a child; negative: the signal that ended it."""
    loop = asyncio.get_running_loop()
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        while (code := _reaped(pid)) is None:  # noqa: ASYNC110 - a system without process descriptors
            await asyncio.sleep(0.05)
        return code
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return _reaped(pid) or 0


def _reaped(pid: int) -> int | None:
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if found else None


class Pipe:
    """What a process says, as it comes: the first `most` bytes, the last ones, each piece to `tell`."""

    def __init__(self, most: int, tell: Callable[[bytes], None] | None = None) -> None:
        reading, self.writing = os.pipe()
        os.set_blocking(reading, False)
        self._reading: int | None = reading
        self._most, self._tell = most, tell
        self.first, self.last = bytearray(), bytearray()
        self.ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(reading, self._read)

    def started(self) -> None:
        """The process has its end now."""
        os.close(self.writing)

    def _read(self) -> None:
        if self._reading is None:
            return
        try:
            data = os.read(self._reading, 65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if len(self.first) < self._most:
            self.first += data[: self._most - len(self.first)]
        self.last = (self.last + data)[-TAIL:]
        if self._tell:
            self._tell(data)

    def close(self) -> None:
        """Read no more: a process that was left running may hold the other end for ever."""
        if self._reading is not None:
            asyncio.get_running_loop().remove_reader(self._reading)
            os.close(self._reading)
            self._reading = None
        self.ended.set()

    @property
    def tail(self) -> str:
        """The last words."""
        return self.last.decode("utf-8", "replace")


async def run_command(
    what: Spawn, seconds: float, most: int = 0, tell: Callable[[bytes], None] | None = None
) -> Ended:
    """Run a command to its end, or kill its whole group when the time is up or the task is cancelled."""
    out, err = Pipe(most), Pipe(0, tell)
    try:
        pid = start_process(what, out.writing if most else err.writing, err.writing)
    finally:
        out.started()
        err.started()
    waiting = asyncio.ensure_future(wait_for_exit(pid))
    try:
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        code = waiting.result() if done else None
        if code is not None:
            for pipe in (out, err):
                await asyncio.wait({asyncio.ensure_future(pipe.ended.wait())}, timeout=0.5)
        return Ended(code, bytes(out.first), err.tail)
    finally:
        kill_group(pid)  # and what it left running
        await asyncio.shield(waiting)
        out.close()
        err.close()


def sweep(state: Path) -> list[int]:
    """Kill what an earlier launcher of this folder left running, by its variable; their ids."""
    mark, found = f"{OWNED}={state}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                os.kill(int(entry.name), signal.SIGKILL)
                found.append(int(entry.name))
    return found


def wait_until_gone(pids: Sequence[int], seconds: float) -> None:
    """Until these processes hold nothing any more."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        while time.monotonic() < deadline and _is_alive(pid):
            time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] not in (["Z"], ["X"])


def reason_of(fault: OSError) -> str:
    """An error of the operating system, in words; a full disk is named as one."""
    return "the disk is full" if fault.errno in (errno.ENOSPC, errno.EDQUOT) else str(fault)
