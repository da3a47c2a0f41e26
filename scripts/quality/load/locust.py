"""Locust as a child process. It is never imported here, because it patches sockets."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.system.command import Command
from scripts.system.documents import parse_json

LOCUSTFILE = DESK / "loadtests" / "locustfile.py"
PORT = 5557  # where workers of other machines find the master
CONNECT_TIMEOUT = 60  # seconds for workers to connect
OVERHEAD = 60.0  # seconds for start and end, on top of the load itself


@dataclass(frozen=True)
class LocustRun:
    """One run of the generator, in a folder of its own."""

    folder: Path

    @property
    def plan(self) -> Path:
        """The plan that Locust reads."""
        return self.folder / "plan.json"

    @property
    def result(self) -> Path:
        """The measurements: the report that a proof names."""
        return self.folder / "result.json"

    @property
    def progress(self) -> Path:
        """Counts so far, rewritten about once a second."""
        return self.folder / "progress.json"

    @property
    def stop(self) -> Path:
        """A file that stops the run early; its text is the reason."""
        return self.folder / "stop"

    def write_plan(self, run: str, plan: Mapping[str, Any]) -> None:
        """Write the plan for Locust."""
        files = {"result": str(self.result), "progress": str(self.progress), "stop": str(self.stop)}
        self.plan.write_text(json.dumps({**plan, "run": run, **files}))

    def command(
        self, host: str, secrets: Mapping[str, str], *, workers: int, port: int, seconds: float
    ) -> Command:
        """The call. The caller's own Locust configuration does not apply; no secret is in the arguments."""
        return Command(
            (
                *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
                *("--host", host, "--html", str(self.folder / "locust.html"), "--stop-timeout", "1"),
                *("--logfile", str(self.folder / "locust.log"), *_process_options(workers, port)),
            ),
            cwd=self.folder,
            env={**secrets, "LOAD_PLAN": str(self.plan), **_isolated(self.folder)},
            timeout=seconds + OVERHEAD + (CONNECT_TIMEOUT if workers else 0),
        )

    def read_result(self) -> Any:
        """The result document; None if it is missing or unreadable."""
        return _read_json(self.result)

    def read_progress(self) -> dict[str, Any]:
        """The counts so far; empty before the first second."""
        progress = _read_json(self.progress)
        return progress if isinstance(progress, dict) else {}


def worker_command(
    master: str, secrets: Mapping[str, str], folder: Path, host: str, seconds: float
) -> Command:
    """A worker for the master `HOST[:PORT]` of another machine; it makes requests to `host` only."""
    name, _, port = master.partition(":")
    argv = (
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker"),
        *("--master-host", name, "--master-port", port or str(PORT)),
    )
    return Command(
        argv, cwd=folder, env={**secrets, "LOAD_ONLY": host, **_isolated(folder)}, timeout=seconds
    )


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


def _read_json(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
