"""Ways to lose a run: SIGKILL for it alone or with all its children, or SIGSTOP for all, woken later."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.integration.desk import Call, Desk, ended
from tests.support.processes import command_lines, descendants

KILL, KILL_ALL, STOP = "killed", "killed with all its children", "stopped"
LONGEST = 60.0  # seconds until a run comes to the point


def own(pid: int) -> list[int]:
    """Its descendants, but for the remote's side of a push or fetch: no crash of ours ends that."""
    remote = {
        each for each, line in command_lines().items() if "receive-pack" in line or "upload-pack" in line
    }
    theirs = {below for each in remote for below in (each, *descendants(each))}
    return [each for each in descendants(pid) if each not in theirs]


def journals(desk: Desk) -> dict[Path, int]:
    """The journals on the machine of the world, with their sizes."""
    runs = desk.world.env_dir.parent / ".airhost" / "runs"
    try:
        return {path: path.stat().st_size for path in runs.glob("*/*.jsonl")}
    except FileNotFoundError:  # the desk is just removing an old one
        return journals(desk)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """To those of the processes that still run."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass(frozen=True)
class Lost:
    """A run that was struck, and its processes that are stopped."""

    child: subprocess.Popen[str]
    stopped: tuple[int, ...] = ()

    def wake(self) -> Call | None:
        """Let it go on to its end; None if it was killed."""
        if not self.stopped:
            self.child.communicate()
            return None
        send(self.stopped, signal.SIGCONT)
        return ended(self.child)


def strike(desk: Desk, arguments: tuple[str, ...], point: str, way: str, **env: str) -> Lost:
    """Start a run, and lose it some time after its journal says that a step begins.

    Args:
        point: `build+0.25`, in seconds; `start+0.1` counts from the start.
        env: more variables.
    """
    step, _, wait = point.partition("+")
    known = journals(desk)
    child = desk.start(*arguments, **env)
    deadline = time.monotonic() + LONGEST
    if step != "start":
        wanted = f'"step": "{step}"'
        while child.poll() is None and time.monotonic() < deadline:
            new = [path for path in journals(desk) if path not in known]
            if any(wanted in path.read_text() for path in new):
                break
            time.sleep(0.002)
    time.sleep(float(wait or 0))
    if child.poll() is not None:
        return Lost(child)
    if way == STOP:
        return Lost(child, _stopped(child.pid))
    send([child.pid, *(own(child.pid) if way == KILL_ALL else ())], signal.SIGKILL)
    return Lost(child)


def _stopped(pid: int) -> tuple[int, ...]:
    """Stop a process first, so that it starts nothing more, then what it has started."""
    found = [pid]
    send(found, signal.SIGSTOP)
    while more := [each for each in own(pid) if each not in found]:
        send(more, signal.SIGSTOP)
        found += more
    return tuple(found)
