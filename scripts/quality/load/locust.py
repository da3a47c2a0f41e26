"""Locust as a child process. It is never imported here, because it patches sockets.

What it plays came with a commit: it runs in a place of its own (`system/confinement.py`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.system.command import Command
from scripts.system.confinement import Confinement, why_not
from scripts.system.documents import parse_json

LOCUSTFILE = DESK / "loadtests" / "locustfile.py"
PLAN, RESULT, PROGRESS, STOP = "plan.json", "result.json", "progress.json", "stop"
LARGEST = 64 * 1024 * 1024  # bytes of a result
PORT = 5557  # where workers of other machines find the master
CONNECT_TIMEOUT = 60  # seconds for workers to connect
OVERHEAD = 60.0  # seconds for start and end, on top of the load itself


@dataclass(frozen=True)
class LocustRun:
    """One run of the generator.

    Args:
        folder: for its reports.
        confined: where it runs; None: in that folder.
    """

    folder: Path
    confined: Confinement | None = None

    @property
    def place(self) -> Confinement:
        """Where it reads its plan, and writes."""
        return self.confined or Confinement(self.folder)

    @property
    def result(self) -> Path:
        """The measurements, once they are collected: the report that a proof names."""
        return self.folder / RESULT

    def write_plan(self, run: str, plan: Mapping[str, Any]) -> None:
        """Write the plan for Locust."""
        names = {"result": RESULT, "progress": PROGRESS, "stop": STOP}
        files = {key: str(self.place.place / name) for key, name in names.items()}
        self.place.write(PLAN, json.dumps({**plan, "run": run, **files}))

    def stop(self, reason: str) -> None:
        """Have the run end early."""
        self.place.write(STOP, reason)

    def collect(self) -> None:
        """Take over what it wrote."""
        if self.confined is not None:
            self.confined.collect(".", self.folder)

    def command(
        self, host: str, secrets: Mapping[str, str], *, workers: int, port: int, seconds: float
    ) -> Command:
        """The call. The caller's own Locust configuration does not apply; no secret is in the arguments."""
        work = self.place.place
        command = Command(
            (
                *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
                *("--host", host, "--html", str(work / "locust.html"), "--stop-timeout", "1"),
                *("--logfile", str(work / "locust.log"), *_process_options(workers, port)),
            ),
            cwd=work,
            env={**secrets, "LOAD_PLAN": str(work / PLAN), **_isolated(work)},
            timeout=seconds + OVERHEAD + (CONNECT_TIMEOUT if workers else 0),
        )
        return _confined(self.confined, command)

    def read_result(self) -> Any:
        """The result document; None if it is missing or unreadable."""
        return self._read(RESULT)

    def read_progress(self) -> dict[str, Any]:
        """The counts so far; empty before the first second."""
        progress = self._read(PROGRESS)
        return progress if isinstance(progress, dict) else {}

    def _read(self, name: str) -> Any:
        content = self.place.read(name, LARGEST)
        try:
            return None if content is None else parse_json(content)
        except ValueError:
            return None


def worker_command(
    master: str, secrets: Mapping[str, str], confined: Confinement, host: str, seconds: float
) -> Command:
    """A worker for the master `HOST[:PORT]` of another machine; it makes requests to `host` only."""
    name, port = address_of(master)
    argv = (
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker"),
        *("--master-host", name, "--master-port", port or str(PORT)),
    )
    env = {**secrets, "LOAD_ONLY": host, **_isolated(confined.place)}
    return _confined(confined, Command(argv, cwd=confined.place, env=env, timeout=seconds))


def address_of(master: str) -> tuple[str, str]:
    """Host and port of `HOST`, `HOST:PORT`, `[::1]:PORT` or a bare IPv6 address; "" for no port."""
    host, bracket, port = master.removeprefix("[").rpartition("]")
    if not bracket and master.count(":") > 1:
        return master, ""
    if not bracket:
        host, _, port = master.partition(":")
    return host, port.removeprefix(":")


def _confined(confined: Confinement | None, command: Command) -> Command:
    """As another user, where that can be. Processes have other numbers there, and end with the desk."""
    if confined is None:
        return command
    if not why_not():
        env = {name: value for name, value in command.env.items() if name != "LOAD_PARENT"}
        command = replace(command, env=env)
    return confined.command(command, [LOCUSTFILE.parent])


def lacks_locust() -> bool:
    """Whether the generator is not installed."""
    return importlib.util.find_spec("locust") is None


def machine() -> str:
    """What latencies depend on: the processor model and the number of cores."""
    try:
        model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        model = None
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores"


def _process_options(workers: int, port: int) -> tuple[str, ...]:
    if not workers:
        return ()
    wait = ("--expect-workers-max-wait", str(CONNECT_TIMEOUT))
    if port:
        return ("--master", "--master-bind-port", str(port), "--expect-workers", str(workers), *wait)
    with socket.create_server(("127.0.0.1", 0)) as probe:  # two runs on one machine need two ports
        free = str(probe.getsockname()[1])
    local = ("--master-bind-host", "127.0.0.1", "--master-bind-port", free, "--master-port", free)
    return ("--processes", str(workers), *local, *wait)


def _isolated(folder: Path) -> dict[str, str]:
    """No Locust configuration in HOME; the process ends when its parent does."""
    return {"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "LOAD_PARENT": str(os.getpid())}
