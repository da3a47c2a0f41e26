"""Locust as a child: what it is told, what it leaves behind. Never imported here: it patches sockets."""

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

LOCUSTFILE = DESK / "loadtests" / "locustfile.py"
PORT = 5557  # where the workers of other machines find the master
CONNECT = 60  # seconds that workers get to connect
SLACK = 60.0  # seconds that start and end may take beside the load itself


@dataclass(frozen=True)
class LoadRun:
    """One run of the generator, in a folder of its own."""

    folder: Path

    @property
    def plan(self) -> Path:
        """What it is told."""
        return self.folder / "plan.json"

    @property
    def result(self) -> Path:
        """What it measured: the report that a proof names."""
        return self.folder / "result.json"

    @property
    def progress(self) -> Path:
        """How far it is."""
        return self.folder / "progress.json"

    @property
    def stop(self) -> Path:
        """A file that ends it early; its text is the reason."""
        return self.folder / "stop"

    @property
    def html(self) -> Path:
        """Locust's own report."""
        return self.folder / "locust.html"

    def prepare(self, run: str, plan: Mapping[str, Any]) -> None:
        """Write the plan."""
        more = {
            "run": run,
            "result": str(self.result),
            "progress": str(self.progress),
            "stop": str(self.stop),
        }
        self.plan.write_text(json.dumps({**plan, **more}))

    def command(
        self, host: str, secrets: Mapping[str, str], *, workers: int, port: int, seconds: float
    ) -> Command:
        """The call; nothing of the caller's own Locust configuration holds, and no secret is on it."""
        return Command(
            (
                *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
                *("--host", host, "--html", str(self.html), "--stop-timeout", "1"),
                *("--logfile", str(self.folder / "locust.log"), *_spread(workers, port=port)),
            ),
            cwd=self.folder,
            env={**secrets, "LOAD_PLAN": str(self.plan), **_closed(self.folder)},
            timeout=seconds + SLACK + (CONNECT if workers else 0),
        )

    def read(self) -> Any:
        """The result document; None when there is none, or it can't be read."""
        return _json(self.result)

    def read_progress(self) -> dict[str, Any]:
        """How far it is; empty before the first second."""
        found = _json(self.progress)
        return found if isinstance(found, dict) else {}


def worker_command(
    master: str, secrets: Mapping[str, str], folder: Path, host: str, seconds: float
) -> Command:
    """Work for the master of another machine (`HOST` or `HOST:PORT`), on this one host alone."""
    name, _, port = master.partition(":")
    argv = (
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker"),
        *("--master-host", name, "--master-port", port or str(PORT)),
    )
    return Command(argv, cwd=folder, env={**secrets, "LOAD_ONLY": host, **_closed(folder)}, timeout=seconds)


def lacks_locust() -> bool:
    """Whether the generator is not installed."""
    return importlib.util.find_spec("locust") is None


def machine() -> str:
    """What latencies depend on: the processor and how many of them, not the host's name."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return f"{found.group(1) if found else platform.machine()}, {os.cpu_count()} cores"


def _spread(workers: int, *, port: int) -> tuple[str, ...]:
    if not workers:
        return ()
    patient = ("--expect-workers-max-wait", str(CONNECT))
    if port:
        expected = ("--expect-workers", str(workers))
        return ("--master", "--master-bind-port", str(port), *expected, *patient)
    with socket.create_server(("127.0.0.1", 0)) as free:  # two runs on one machine must not meet
        own = str(free.getsockname()[1])
    here = ("--master-bind-host", "127.0.0.1", "--master-bind-port", own, "--master-port", own)
    return ("--processes", str(workers), *here, *patient)


def _closed(folder: Path) -> dict[str, str]:
    """Nobody's Locust configuration; and whose death ends it."""
    parent = str(os.getpid())
    return {"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "LOAD_PARENT": parent}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
