"""Processes that outlive the task that starts them, and are found again by later tasks."""

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

_started: dict[int, subprocess.Popen[bytes]] = {}  # by us, in this very process


def start(pid_file: Path, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> int:
    """Start a process in a session of its own; its pid and start time go to `pid_file`."""
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
    """Have `running` and `stop` know a process (the leader of its group) by `pid_file`.

    In one piece: who read half of it would think the process dead, and clear up after it.
    """
    half = pid_file.with_name(f"{pid_file.name}.half")
    half.write_text(json.dumps({"pid": pid, "born": born(pid)}))
    half.replace(pid_file)


def running(pid_file: Path) -> int | None:
    """The pid of the process that `pid_file` names, None when it is gone.

    The start time is compared as well, so a pid that the system gave to somebody else is not ours.
    """
    try:
        record = json.loads(pid_file.read_text())
        pid, recorded = int(record["pid"]), record["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if recorded is not None and born(pid) == recorded else None


def stop(pid_file: Path, *, grace: float = 5.0, first: int = signal.SIGTERM) -> None:
    """End the process group that `pid_file` names, and forget it. Harmless when it is gone."""
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


def born(pid: int) -> str | None:
    """When a process started, in the system's own count; None for a dead one or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _born_by_ps(pid) if not Path("/proc/self").exists() else None
    return None if fields[0] == "Z" else fields[19]


def _born_by_ps(pid: int) -> str | None:
    """The same question where there is no /proc (macOS)."""
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _await_end(pid_file: Path, pid: int) -> None:
    """After SIGKILL: the end is near, but not at once."""
    deadline = time.monotonic() + 1.0
    while running(pid_file) and time.monotonic() < deadline:
        time.sleep(0.01)
    _reap(pid)


def _reap(pid: int) -> None:
    """Collect the child if it is ours, so that it does not linger as a zombie."""
    child = _started.get(pid)
    if child is not None and child.poll() is not None:
        del _started[pid]


# Children of an asyncio loop, wired by pipes, that are found again should we be killed.


async def start_piped(pid_file: Path, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start a process in a session of its own, its three streams piped to us.

    Its pid goes to `pid_file` (`daemon.stop` ends it); whoever waits for it removes the file.

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
