"""Calls of the desk without its start: a process that has imported the desk forks a child for each call.

To start Python and import the desk takes half a second of CPU, and the tests call it hundreds of times. A
forked child is as real: a process of its own, a child of the caller, with its own environment, folder,
streams and signals. Not as in a real call are the command line and the environment that `/proc` shows, and
when modules are imported. `tests/contract/test_fork_server.py` holds it to the real command.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "invoke.main", "psycopg", "requests", "git", "rich.console", "rich.table", "rich.text", "dotenv",
    "pglast.parser", "mcp.client.streamable_http",
)  # fmt: skip
LARGEST = 1 << 20  # bytes of one request
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
# One for the whole process, as `SUBREAPER` is: a thread with a server of its own would end the adoption of
# the child of another thread, whose `Popen` then finds no child and reports exit code 0.
LOCK = threading.Lock()


class Forked(subprocess.Popen[str]):
    """`invoke ARGUMENTS` as a child of this process; to be used as any other `Popen`."""

    def _execute_child(self, *given: Any) -> None:
        """What `Popen` calls to start the program, once it has made the pipes."""
        args, cwd, env, pipes = given[0], given[5], given[6], given[10:16]
        with LOCK:
            self.pid = _server().fork(args, cwd, env, (pipes[0], pipes[3], pipes[5]))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def start(*arguments: str, cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Begin `invoke ARGUMENTS`; both streams are pipes, and nothing is typed.

    It is the real command where the system can't hand a child over, and for a variable that Python reads as
    it starts.
    """
    plain = sys.platform != "linux" or any(
        name.startswith("PYTHON") and value != os.environ.get(name) for name, value in env.items()
    )
    return (subprocess.Popen if plain else Forked)(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class _Server:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._end)

    def fork(self, args: Sequence[str], cwd: Path, env: Mapping[str, str], streams: tuple[int, ...]) -> int:
        """The pid of a new child of ours, whose standard streams are these; the caller holds `LOCK`."""
        request = json.dumps({"args": [*args[3:]], "cwd": str(cwd), "env": dict(env)}).encode()
        with _adopting():
            socket.send_fds(self._socket, [request], streams)
            answer = self._socket.recv(64)
        assert answer, "the fork server has ended"
        return int(answer)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    return _Server()


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Have the children of a child that ends become ours, instead of the first process's."""
    libc = ctypes.CDLL(None)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(SUBREAPER, 0, 0, 0, 0)


def _serve(requests: socket.socket) -> None:
    """Fork for each request; the child's parent ends at once, so that it becomes the caller's."""
    import scripts

    names = [each.name for each in pkgutil.walk_packages(scripts.__path__, "scripts.", onerror=_ignore)]
    for name in (*LIBRARIES, *(name for name in names if not name.startswith("scripts.sandbox"))):
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, (
        "a library began a thread: no place to fork from"
    )
    gc.collect()
    gc.freeze()
    while True:
        data, streams, _flags, _address = socket.recv_fds(requests, LARGEST, 3)
        if not data:
            return
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            child = os.fork()
            if child:
                os.write(writing, str(child).encode())
                os._exit(0)
            for each in (reading, writing, requests.fileno()):
                os.close(each)
            _become(json.loads(data), streams)
        os.waitpid(between, 0)
        requests.send(os.read(reading, 64))
        for each in (reading, writing, *streams):
            os.close(each)


def _become(request: dict[str, Any], streams: Sequence[int]) -> NoReturn:
    """Be `python -m invoke ...`."""
    code: int | str | None = 1
    try:
        for number, each in enumerate(streams):
            os.dup2(each, number)
            os.close(each)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        tempfile.tempdir = None
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["invoke", *request["args"]]
        runpy.run_module("invoke", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as Python itself does it
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _ignore(_name: str) -> None:
    """A package that lacks its library is imported where it is used."""


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
