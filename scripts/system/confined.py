"""A program of its own, run by `confinement`: become another user in new namespaces, then run a command.

    python -I confined.py '{"uid": 64533, "reach": [...], "hide": [...], "cwd": "/..."}' PROGRAM ARGUMENT...

The command sees no process but its own, no file that `hide` names, and an empty `/tmp`. Folders in `reach`
stay where they are, also below a folder that only root may pass. It ends with the program that started it.

A container may forbid namespaces. Then it is the other user's alone: it sees the names of processes, and
may read what everybody may read. Exit code 97: `reach` can't be reached so.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

NOT_ALLOWED = 97
NEW_MOUNTS, NEW_IPC, NEW_PIDS = 0x20000, 0x8000000, 0x20000000
NO_SUID, NO_DEVICES, BIND, RECURSIVE, PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
DEATH_SIGNAL, REAP_ORPHANS, NO_NEW_PRIVILEGES = 1, 36, 38  # of prctl(2)
# where everybody may write: each command gets its own, so that nothing stays there for the next one
OPEN_TO_ALL = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - they are covered
SHARED = "50%"  # of the memory: a browser keeps much in /dev/shm
WATCH = 0.1  # seconds between two looks at whether the starter is alive

_libc = ctypes.CDLL(None, use_errno=True)


def main(spec: dict[str, Any], argv: list[str]) -> int:
    """Run the command; returns its exit code."""
    starter = os.getppid()
    try:
        _check(_libc.unshare(NEW_MOUNTS | NEW_IPC | NEW_PIDS))
    except OSError as fault:
        shut = [path for path in spec["reach"] if _shut(Path(path), spec["uid"])]
        if shut:
            os.write(2, f"no namespaces ({fault}), and `{shut[0]}` is for root alone\n".encode())
            return NOT_ALLOWED
        _check(_libc.prctl(REAP_ORPHANS, 1, 0, 0, 0))
        first = _fork(lambda: _become(spec, argv))
    else:
        first = _fork(lambda: _first(spec, argv))  # process 1 of the new namespace
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    code = None
    while code is None:
        done, status = os.waitpid(first, os.WNOHANG)
        if done:
            code = _code(status)
        elif asked or os.getppid() != starter:
            os.kill(first, signal.SIGKILL)  # and with it all others of its namespace
        time.sleep(0 if done else WATCH)
    _end_orphans()
    return code


def _end_orphans() -> None:
    """End what the command leaves behind, where no namespace ends it."""
    own = str(os.getpid())
    while True:
        for file in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if file.read_text().rpartition(")")[2].split()[1] == own:
                    os.kill(int(file.parent.name), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _first(spec: dict[str, Any], argv: list[str]) -> int:
    """Prepare the namespace, start the command, and reap what it leaves behind."""
    _check(_libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
    os.umask(0o022)
    try:
        _arrange(spec["reach"], spec["hide"], spec["uid"])
    except OSError as fault:
        os.write(2, f"no mounts: {fault}\n".encode())
        return NOT_ALLOWED
    command = _fork(lambda: _become(spec, argv))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # they are meant for the command, and reach it as well
    while True:
        done, status = os.wait()
        if done == command:
            return _code(status)


def _arrange(reach: Iterable[str], hide: Iterable[str], uid: int) -> None:
    """Mount what the command may see; nobody else sees these mounts."""
    _mount(None, "/", None, RECURSIVE | PRIVATE)
    opened = {path: os.open(path, os.O_PATH) for path in map(Path, sorted(set(reach))) if path.exists()}
    shut = {path: top for path in opened if (top := _open_to_all(path) or _shut(path, uid))}
    covers = dict.fromkeys(shut.values(), "mode=0755,size=1m")
    covers |= {top: f"mode=1777,size={SHARED}" for top in OPEN_TO_ALL if top.is_dir()}
    for top, options in covers.items():
        _mount("tmpfs", str(top), "tmpfs", NO_SUID | NO_DEVICES, options)
    for path in shut:
        if not path.exists():  # a folder above it may be there by now
            _stand_in(path, opened[path])
    _hide(hide)
    with suppress(OSError):  # a container may forbid it: other users' processes are seen there, not read
        _mount("proc", "/proc", "proc", NO_SUID | NO_DEVICES)


def _hide(paths: Iterable[str]) -> None:
    for path in map(Path, paths):
        if path.is_dir():
            _mount("tmpfs", str(path), "tmpfs", NO_SUID | NO_DEVICES, "mode=0,size=4k")
        elif path.exists():
            _mount(os.devnull, str(path), None, BIND)


def _stand_in(path: Path, handle: int) -> None:
    """Make the path below a folder that was covered, and mount what was there."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    source = Path(f"/proc/self/fd/{handle}")
    if source.is_dir():
        path.mkdir(mode=0o755)
    else:
        path.touch(mode=0o644)
    _mount(str(source), str(path), None, BIND | RECURSIVE)


def _open_to_all(path: Path) -> Path | None:
    return next((folder for folder in OPEN_TO_ALL if path.is_relative_to(folder)), None)


def _shut(path: Path, uid: int) -> Path | None:
    """The topmost folder above it that the user may not pass; None if all can be passed."""

    def passable(folder: Path) -> bool:
        found = folder.stat()
        return bool(found.st_mode & (0o100 if found.st_uid == uid else 0o001))

    return next((folder for folder in reversed(path.parents) if not passable(folder)), None)


def _become(spec: dict[str, Any], argv: list[str]) -> int:
    """Give up every right, and run the command in place of this process."""
    uid = spec["uid"]
    _check(_libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.umask(0o077)
    os.chdir(spec["cwd"])
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is meant


def _fork(work: Callable[[], int]) -> int:
    """Do the work in a child that ends with its result; returns the child's pid."""
    pid = os.fork()
    if pid:
        return pid
    code = NOT_ALLOWED
    try:
        code = work()
    except BaseException as fault:  # noqa: BLE001 - the child must not go on as a second parent
        os.write(2, f"{fault}\n".encode())
    finally:
        os._exit(code)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _check(_libc.mount(*texts, ctypes.c_ulong(flags), os.fsencode(options) or None), target)


def _check(result: int, path: str = "") -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *([path] if path else []))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
