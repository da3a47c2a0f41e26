"""A STAND-IN for one Replit app: `python -m scripts.sandbox.host FOLDER`, described by `host.json`.

One process, one loop: a real SSH server for the workspace (`host_ssh`), a real MCP server for
Publish (`host_mcp`), and the public address (`host_public`) of the app that Publish made live
(`host_publish`). It proves ssh, git, quoting, exit codes, dropped connections, timeouts, that Publish
takes a snapshot, and that live and workspace may differ. It does NOT prove Replit's ssh
proxy, the waking of a sleeping workspace, or the real Publish and its sign-in.
Files in FOLDER: host.json, ready, published.json, faults.json (written by tests and drills),
workspace/, published/<n>/, home/, running/*.pid, log/.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.sandbox import host_config
from scripts.sandbox.host_launcher import LauncherKeeper
from scripts.sandbox.host_public import PublicDoor
from scripts.sandbox.host_publish import Publisher

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig
    from scripts.sandbox.host_mcp import McpHost
    from scripts.sandbox.host_ssh import SshHost


FOLDERS = ("home", "tmp", "running", "log", "published")


async def serve(config: HostConfig) -> None:
    """Serve until SIGTERM or SIGINT, then end every process that was started.

    Raises:
        OSError: one of the three ports is taken.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    _prepare(config)
    door = PublicDoor(config)
    publisher = Publisher(config, door)
    await door.start()
    first = LauncherKeeper(config, door).keep() if config.launcher else publisher.resume()
    resuming = asyncio.create_task(first)  # starts the app during the slow imports
    mcp: McpHost | None = None
    try:
        mcp = await _start_servers(config, publisher)
        if not config.launcher:  # which is kept for ever
            await resuming
        (config.folder / "ready").touch()
        await stopping.wait()
    finally:
        (config.folder / "ready").unlink(missing_ok=True)
        if config.launcher:
            resuming.cancel()
        await asyncio.gather(resuming, return_exceptions=True)
        await publisher.stop()
        if mcp is not None:
            await mcp.stop()


async def _start_servers(config: HostConfig, publisher: Publisher) -> McpHost:
    """Import in threads: the loop starts the app meanwhile."""
    ssh_module, mcp_module = await asyncio.gather(
        asyncio.to_thread(_import_ssh), asyncio.to_thread(_import_mcp)
    )
    mcp = mcp_module(config, publisher)
    await asyncio.gather(ssh_module(config).start(), mcp.start())
    return mcp


def _import_ssh() -> type[SshHost]:
    from scripts.sandbox.host_ssh import SshHost

    return SshHost


def _import_mcp() -> type[McpHost]:
    from scripts.sandbox.host_mcp import McpHost

    return McpHost


def _prepare(config: HostConfig) -> None:
    (config.folder / "ready").unlink(missing_ok=True)
    for name in FOLDERS:
        (config.folder / name).mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):  # `~/workspace`, as on Replit
        (config.folder / "home" / "workspace").symlink_to(config.workspace)


def main(arguments: list[str]) -> None:
    """Serve the host of a folder."""
    (folder,) = arguments
    asyncio.run(serve(host_config.load(Path(folder).resolve())))


if __name__ == "__main__":
    main(sys.argv[1:])
