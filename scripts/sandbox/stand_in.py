"""Start and stop a stand-in (inbox, gateway) as a daemon of the world."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed
from scripts.sandbox.host_config import write_private
from scripts.system import daemon, leftovers, ports

ROOT = Path(__file__).resolve().parents[2]
READY_LIMIT = 20.0
TAIL = 8  # lines of its log that an error shows


def start(
    what: str, folder: Path, listens: Collection[int], *, settings: dict[str, Any], module: str
) -> None:
    """Start a stand-in unless it runs, and wait until it answers on all of its ports.

    Args:
        what: its name in messages.
        folder: for its pid file, its log and `MODULE.json` (0600) with its settings.
        listens: its ports.
        module: of this room, such as `inbox`; run with the folder as its argument.

    Raises:
        Refused: another program uses one of its ports.
        CommandFailed: it did not start.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    pid_file, log = folder / "pid", folder / "log"
    if daemon.running(pid_file) is None:
        argv = [sys.executable, "-m", f"scripts.sandbox.{module}", str(folder)]
        leftovers.end_daemon(argv)
        for port in listens:
            ports.require_free(port, what)
        write_private(folder / f"{module}.json", settings)
        daemon.start(pid_file, argv, cwd=ROOT, env={leftovers.WORLD: str(folder)}, log=log)
    deadline = time.monotonic() + READY_LIMIT
    while not all(ports.accepts_connections(port) for port in listens):
        if daemon.running(pid_file) is None or time.monotonic() > deadline:
            tail = "".join(f"\n  | {line}" for line in log.read_text(errors="replace").splitlines()[-TAIL:])
            raise CommandFailed(f"the {what} did not start{tail}")
        time.sleep(0.03)


def stop(folder: Path) -> None:
    """Stop it, if it runs."""
    daemon.stop(folder / "pid")
