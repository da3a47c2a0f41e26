"""An app that was published once, with the launcher: the host starts it again whenever it ends.

The host is a STAND-IN for Replit, as in `host`; the launcher that it runs is the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from scripts.sandbox.host_publish import steps, take_snapshot
from scripts.system import daemon, ports

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig
    from scripts.sandbox.host_public import PublicDoor

LOOK = 0.05  # seconds between two looks at whether it runs
PAUSE = 0.5  # seconds before one that ended is started again
NAME = "launcher"


class LauncherKeeper:
    """Keeps one published app running behind the public door."""

    def __init__(self, config: HostConfig, door: PublicDoor) -> None:
        self._config = config
        self._door = door
        self._folder = config.published / NAME
        self._pid_file = config.running / f"app-{NAME}.pid"

    async def keep(self) -> None:
        """Publish once, what lies in the workspace; then start it whenever it does not run, for ever."""
        await asyncio.to_thread(self._publish)
        await asyncio.to_thread(daemon.stop, self._pid_file)  # of a host that died
        (port,) = ports.find_free(1)
        self._door.target = port
        while True:
            self._start(port)
            while daemon.running(self._pid_file):  # noqa: ASYNC110 - another program's end makes no event
                await asyncio.sleep(LOOK)
            await asyncio.sleep(PAUSE)

    def _publish(self) -> None:
        if self._folder.exists():
            return
        part = self._folder.with_suffix(".part")
        take_snapshot(self._config.workspace, part)
        part.rename(self._folder)

    def _start(self, port: int) -> None:
        run = steps(self._folder)[1]
        self._config.short.mkdir(mode=0o700, exist_ok=True)
        given = {
            **self._config.environ(),
            **run.env,
            "REPLIT_DEPLOYMENT": "1",
            "PORT": str(port),
            "HOST": "127.0.0.1",
            "TMPDIR": str(self._config.short),
        }
        log = self._config.folder / "log" / "app-launcher.log"
        with contextlib.suppress(OSError):  # it is tried again
            daemon.start(self._pid_file, run.argv, cwd=self._folder, env=given, log=log)
