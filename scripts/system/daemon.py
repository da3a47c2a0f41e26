"""Processes that outlive the task that starts them; later tasks find them by a pid file.

A pid file holds {"pid": 123, "born": "<start time>"}: the start time tells a process from a later one
that the system gave the same pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.system.command import child_env

_started: dict[int, subprocess.Popen[bytes]] = {}  # pid -> child of this process


def start(pid_file: Path, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> int:
    """Start a process in a session of its own; returns its pid, which also goes to `pid_file`."""
    with log.open("ab") as sink:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=child_env(env),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    record(pid_file, child.pid)
    for pid in list(_started):
        _reap(pid)
    _started[child.pid] = child
    return child.pid


def record(pid_file: Path, pid: int) -> None:
    """Write the pid file of a process, the leader of its group, for `running` and `stop`.

    It is written atomically: a reader of half a file would take the process for dead and clean up.
    """
    half = pid_file.with_name(f"{pid_file.name}.half")
    half.write_text(json.dumps({"pid": pid, "born": start_time(pid)}))
    half.replace(pid_file)


def running(pid_file: Path) -> int | None:
    """The pid of the process that `pid_file` names; None when it has ended."""
    try:
        record = json.loads(pid_file.read_text())
        pid, recorded = int(record["pid"]), record["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if recorded is not None and start_time(pid) == recorded else None


def stop(pid_file: Path, *, grace: float = 5.0, first: int = signal.SIGTERM) -> None:
    """End the process group that `pid_file` names, and remove the file. Does nothing if it has ended.

    Args:
        grace: seconds between the first signal and SIGKILL.
        first: the signal that asks it to end.
    """
    pid = running(pid_file)
    if pid is not None:
        _kill(pid, first)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and running(pid_file):
            _reap(pid)
            time.sleep(0.05)
        _kill(pid, signal.SIGKILL)
        _await_end(pid_file, pid)
    pid_file.unlink(missing_ok=True)


def start_time(pid: int) -> str | None:
    """When a process started, as /proc or `ps` puts it; None for a dead one or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_time_by_ps(pid) if not Path("/proc/self").exists() else None
    return None if fields[0] == "Z" else fields[19]


def _start_time_by_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS). The same for every caller, whatever its language and time zone."""
    ps = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    plain = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
    answer = subprocess.run(ps, capture_output=True, text=True, check=False, env=plain).stdout.split()
    return " ".join(answer[1:]) if answer and not answer[0].startswith("Z") else None


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _await_end(pid_file: Path, pid: int) -> None:
    """Wait until the kernel has ended the process after SIGKILL, at most a second."""
    deadline = time.monotonic() + 1.0
    while running(pid_file) and time.monotonic() < deadline:
        time.sleep(0.01)
    _reap(pid)


def _reap(pid: int) -> None:
    """Collect the process if it is a child of ours that has ended, so that it is no zombie."""
    child = _started.get(pid)
    if child is not None and child.poll() is not None:
        del _started[pid]


async def start_piped(pid_file: Path, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start an asyncio subprocess in a session of its own with all three streams piped.

    Its pid goes to `pid_file`, so that `stop` can end it; the caller that awaits it removes the file.

    Raises:
        OSError: the program or the folder is missing.
    """
    child = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=child_env(env),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    record(pid_file, child.pid)
    return child
