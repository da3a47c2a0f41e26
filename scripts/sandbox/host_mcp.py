"""A stand-in for Replit's MCP server: the two tools that publish, over real Streamable HTTP.

Its sign-in is `host_sign_in`.

The tools and their argument are Replit's (`publish_app`, `get_publish_status`, `replId`). The
names and values in the answers are OURS, because Replit's are undocumented: `status` is one of
unpublished, publishing, published, failed; `stage` one of Provision, Security Scan, Build,
Bundle, Promote.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from scripts.sandbox import host_sign_in

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig
    from scripts.sandbox.host_publish import Publisher


PATH = "/server/mcp"


class McpHost:
    """Serves `http://127.0.0.1:<mcp_port>/server/mcp` to clients with a token of the host or a sign-in."""

    def __init__(self, config: HostConfig, publisher: Publisher) -> None:
        self._config = config
        app = _tools(config, publisher).streamable_http_app(streamable_http_path=PATH)
        settings = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(settings)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on `mcp_port`.

        Raises:
            OSError: it is taken.
        """
        listener = socket.create_server(("127.0.0.1", self._config.mcp_port))
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 (its own flag)
            await asyncio.sleep(0.01)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """End open streams, then the server."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


class _Server(uvicorn.Server):
    """Leaves signals to the host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _tools(config: HostConfig, publisher: Publisher) -> MCPServer:
    level: Literal["WARNING"] = "WARNING"
    origin = f"http://127.0.0.1:{config.mcp_port}"
    server = MCPServer(
        "replit-stand-in",
        log_level=level,
        auth_server_provider=host_sign_in.Accounts(config, origin + PATH),
        auth=host_sign_in.settings(origin, origin + PATH),
    )

    def check(repl_id: str) -> None:
        if repl_id != config.repl_id:
            raise ToolError("no app with this replId")

    @server.tool(description="Publish the workspace as it is.", structured_output=False)
    async def publish_app(replId: str) -> str:  # noqa: N803 (Replit's name)
        check(replId)
        fault = config.faults().get("publish")
        if fault == "error":
            raise ToolError("publishing is not possible now (a fault that the sandbox plays)")
        return json.dumps(publisher.publish(fault))

    @server.tool(description="How the last publish stands.", structured_output=False)
    async def get_publish_status(replId: str) -> str:  # noqa: N803 (Replit's name)
        check(replId)
        return json.dumps(publisher.status())

    return server
