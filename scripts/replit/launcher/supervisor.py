"""What Replit starts: it holds the port, and starts the follower again when that dies."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
import warnings
from pathlib import Path
from types import FrameType

from scripts.replit.launcher.child import die_with_parent, sweep, wait_until_gone
from scripts.replit.launcher.config import Config, LauncherError, load_config
from scripts.replit.launcher.files import Backoff
from scripts.replit.launcher.follower import follow, prepare_once
from scripts.replit.launcher.prepare import PrepareFailed
from scripts.replit.launcher.proxy import serve_proxy
from scripts.replit.launcher.remote import RemoteProblem
from scripts.replit.launcher.site_server import serve_site

BIND_SECONDS = 20.0
LOCK_SECONDS = 10.0


def launch(home: Path) -> int:
    """Hold the port and follow, until SIGTERM; the exit code."""
    try:
        config = load_config(home, os.environ)
    except LauncherError as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # that a process with a thread forks
    config.state.mkdir(mode=0o700, exist_ok=True)
    lock = _locked(config.state)
    wait_until_gone(sweep(config.state), 5)
    listening = _bound(config.port)
    try:
        return _supervise(config, listening)
    finally:
        os.close(lock)


def _prepare(home: Path) -> int:
    """`launcher.py prepare`, for `[deployment] build`: a machine then has the release at its start."""
    try:
        config = load_config(home, os.environ)
        config.state.mkdir(mode=0o700, exist_ok=True)
        asyncio.run(prepare_once(config))
    except (LauncherError, PrepareFailed, RemoteProblem) as fault:
        log = getattr(fault, "log", "")
        sys.stderr.write(f"{log}\nerror: {fault}\n" if log else f"error: {fault}\n")
        return 1
    return 0


def _locked(state: Path) -> int:
    """Only one launcher works in a folder; one before that still dies is waited for."""
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        if time.monotonic() > deadline:
            sys.stderr.write("error: another launcher is at work in this folder\n")
            sys.exit(5)
        time.sleep(0.02)


def _bound(port: int) -> socket.socket:
    """The port, not yet listened on: nobody is kept waiting by a machine that has nothing to serve."""
    deadline = time.monotonic() + BIND_SECONDS
    while True:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("0.0.0.0", port))  # noqa: S104 - Replit reaches it from outside the machine
        except OSError:
            listening.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            listening.setblocking(False)
            return listening


def _supervise(config: Config, listening: socket.socket) -> int:
    ending: list[int] = []
    child = [0]

    def end(number: int, _frame: FrameType | None) -> None:
        ending.append(number)
        if child[0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child[0], signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    pauses, own = Backoff(0.05, 1), os.getpid()
    while not ending:
        child[0] = os.fork()
        if child[0] == 0:
            _be_follower(config, listening, own)
        _, status = os.waitpid(child[0], 0)
        wait_until_gone(sweep(config.state), 5)
        if not ending:
            sys.stderr.write(
                f"launcher: the follower ended ({os.waitstatus_to_exitcode(status)}); it is started again\n"
            )
            time.sleep(pauses.pause())
    return 0


def _be_follower(config: Config, listening: socket.socket, parent: int) -> None:
    """In the child: never comes back."""
    code = 70
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        follow(config, listening)
        code = 0
    except BaseException:  # noqa: BLE001 - it must not go on as a second supervisor
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> int:
    """The program's entry: `python3 launcher.py`; the words after it are for the launcher itself."""
    program = {"serve": serve_site, "proxy": serve_proxy}.get(" ".join(sys.argv[1:]))
    if program:
        return program()
    if sys.argv[1:] == ["prepare"]:
        return _prepare(Path(sys.argv[0]).resolve().parent)
    return launch(Path(sys.argv[0]).resolve().parent)
