"""A process that outlives its starter for a moment: it removes the folders that a killed run leaves.

It reads `+PATH` and `-PATH`, a line each, from its standard input (`temporary.guard`). When that ends, its
starter is gone, however it ended: what works in the folders that remain is ended, and they are removed.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from scripts import DESK

START = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from scripts.system import temporary\n"
    "temporary.guard(sys.stdin.buffer)"
)
_guard = threading.Lock()
_started: dict[int, subprocess.Popen[bytes]] = {}  # our process -> its guardian
_removing: list[subprocess.Popen[bytes]] = []
WAIT = 10.0  # seconds for a guardian to end, where a process ends in an orderly way


def watch(folder: Path) -> None:
    """Have the folder removed when this process is gone, in whatever way it ends."""
    _tell(f"+{folder}\n")


def release(folder: Path) -> None:
    """Nothing more is to be done for the folder."""
    _tell(f"-{folder}\n")


def remove(folders: list[Path]) -> None:
    """Have folders of dead runs removed by a process that does not end with this one."""
    child = _start()
    if child is not None and child.stdin is not None:
        with suppress(OSError):
            child.stdin.write(os.fsencode("".join(f"+{folder}\n" for folder in folders)))
            child.stdin.close()
        _removing.append(child)


def _tell(line: str) -> None:
    """Tell the guardian of this process, which is started when it is first needed.

    Without one (no memory for another process, say) the next run clears up.
    """
    with _guard, suppress(OSError):
        child = _started.get(os.getpid())
        if child is None:
            child = _start()
            if child is None:
                return
            _started[os.getpid()] = child
        if child.stdin is not None:
            child.stdin.write(os.fsencode(line))
            child.stdin.flush()


def _start() -> subprocess.Popen[bytes] | None:
    with suppress(OSError):
        return subprocess.Popen(
            [sys.executable, "-I", "-c", START, str(DESK)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            start_new_session=True,
        )
    return None


@atexit.register
def _end() -> None:
    """Reap our children. A task ends with `os._exit`, and does not wait for them."""
    own = _started.pop(os.getpid(), None)
    for child in (*_removing, *([own] if own else [])):
        with suppress(OSError, subprocess.TimeoutExpired):
            if child.stdin is not None:
                child.stdin.close()
            child.wait(WAIT)
