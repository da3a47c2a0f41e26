"""Replit's MCP server: `publish_app` and `get_publish_status` (facts: replit.md, section 2.2).

The server is in beta and the values of its status are not documented: an answer is read leniently,
and none of them is ever taken as proof that something is live.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from scripts.errors import CommandFailed, DeskError, Refused, Unanswered, Unreachable
from scripts.replit.driver import Status
from scripts.replit.live import Expected
from scripts.replit.workspace import WorkspaceDriver
from scripts.system import network
from scripts.system.documents import parse_json
from scripts.system.process import quoted_lines
from scripts.system.secret import Secret, redact

CALL_TIMEOUT = 60.0
STATUS_TIMEOUT = 10.0
LARGEST = 1024 * 1024  # bytes of one answer; a real one has about 1 000
FAILED = ("fail", "error", "cancel", "reject")
RUNNING = ("publishing", "pending", "queued", "progress", "building", "running", "deploying")


def warm(url: str, token: Secret | None, repl_id: str) -> None:
    """Import the library (half a second) and ask for the status once, while the build runs.

    Politely: the build may be on this very machine. What fails here is said by `publish`.
    """
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    with contextlib.suppress(DeskError):
        _call(url, token, "get_publish_status", repl_id, STATUS_TIMEOUT)


def publish(url: str, token: Secret | None, repl_id: str) -> None:
    """Ask Replit to publish the workspace as it is; returns once that is accepted.

    Raises:
        CommandFailed: the server refused.
        Unreachable: it can't be reached, or doesn't let us in: nothing has begun.
        Unanswered: it was asked, and no answer came: it may have begun all the same.
    """
    _call(url, token, "publish_app", repl_id, CALL_TIMEOUT)


def status(url: str, token: Secret | None, repl_id: str) -> tuple[Status, str]:
    """How the Publish is doing, as far as the answer can be read, and its own words."""
    said = _call(url, token, "get_publish_status", repl_id, STATUS_TIMEOUT)
    word = _status_word(said).strip().lower()
    if word.startswith(FAILED):
        return "failed", said
    return ("running" if any(mark in word for mark in RUNNING) else "other"), said


def _status_word(said: str) -> str:
    """The field that names the status; nothing where there is no such field: prose is no status."""
    try:
        document = parse_json(said)
    except ValueError:
        return ""
    if isinstance(document, dict):
        for key in ("status", "state", "publishStatus", "currentStatus"):
            if isinstance(document.get(key), str):
                return str(document[key])
    return ""


def _call(url: str, token: Secret | None, tool: str, repl_id: str, limit: float) -> str:
    try:
        return asyncio.run(asyncio.wait_for(_ask(url, token, tool, repl_id), limit))
    except DeskError:
        raise
    except Exception as fault:  # noqa: BLE001 - the library wraps what went wrong in groups of its own
        raise _unreachable(url, tool, fault) from None


async def _ask(url: str, token: Secret | None, tool: str, repl_id: str) -> str:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    hooks = {"response": [_limit]}
    async with httpx2.AsyncClient(
        headers=headers, timeout=CALL_TIMEOUT, verify=_trust(), event_hooks=hooks
    ) as http:
        transport = streamable_http_client(url, http_client=http)
        # `legacy` is the documented `initialize` handshake; `auto` would ask for a newer one first
        async with Client(transport, mode="legacy", read_timeout_seconds=CALL_TIMEOUT) as client:
            result = await client.call_tool(tool, {"replId": repl_id})
    said = redact(" ".join(str(getattr(part, "text", "")) for part in result.content))[:2000]
    structured: Any = getattr(result, "structured_content", None)
    if result.is_error:
        raise CommandFailed(f"Replit's `{tool}` was refused{quoted_lines(said)}")
    return redact(json.dumps(structured)) if isinstance(structured, dict) and not said else said


async def _limit(response: Any) -> None:
    """End an answer that is larger than any real one, or is packed though we asked for it plain."""
    import httpx2

    plain = response.headers.get("content-encoding", "identity") == "identity"

    class Limited(httpx2.AsyncByteStream):
        def __init__(self, whole: Any) -> None:
            self._whole = whole

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = LARGEST if plain else 0
            async for chunk in self._whole:
                left -= len(chunk)
                if left < 0:
                    raise httpx2.ReadError("its answer is too large, or packed")
                yield chunk

        async def aclose(self) -> None:
            await self._whole.aclose()

    response.stream = Limited(response.stream)


@cache
def _trust() -> ssl.SSLContext:
    """Reading the machine's certificates takes a while: once is enough."""
    return ssl.create_default_context(cafile=network.trusted())


def _unreachable(url: str, tool: str, fault: BaseException) -> Unreachable:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    said = redact(str(fault) or type(fault).__name__).splitlines()[0][:300]
    hint = "check `mcp_url` of the environment and `REPLIT_MCP_TOKEN`"
    kind = Unreachable if _never_sent(fault) else Unanswered
    return kind(f"Replit's MCP server at `{url}` did not take `{tool}`: {said}", hint)


def _never_sent(fault: BaseException) -> bool:
    """No connection, or turned away at the door: the tool can't have been called."""
    import httpx2

    refused = getattr(getattr(fault, "response", None), "status_code", None) in (401, 403, 404)
    return refused or isinstance(fault, httpx2.ConnectError | httpx2.ConnectTimeout)


class McpDriver(WorkspaceDriver):
    """`publish = "mcp"`: built in the workspace, published through Replit's MCP server."""

    name = "mcp"
    unattended = True

    @property
    def unproven_hint(self) -> str:
        """Where to look when a release does not show."""
        return f"look at {self._environment.url} and at the publishing log of the app on Replit"

    @property
    def _server(self) -> tuple[str, Secret | None, str]:
        token = self._desk.values(self._environment).get("REPLIT_MCP_TOKEN")
        return self._environment.mcp_url, Secret(token) if token else None, self._environment.repl_id

    def build(self, expected: Expected, candidate: str, *, send: bool = False, keep: str = "") -> bytes:
        """Build in the workspace; the library for Publish is imported meanwhile."""
        threading.Thread(target=warm, args=self._server, daemon=True).start()
        return super().build(expected, candidate, send=send, keep=keep)

    def publish(self) -> None:
        """Ask Replit; see `Driver`."""
        publish(*self._server)

    def publish_status(self) -> tuple[Status, str]:
        """What Replit says; a question that fails says nothing."""
        try:
            return status(*self._server)
        except CommandFailed:
            return "other", ""

    def check(self) -> str:
        """Replit's MCP server takes the token for this app; asked only for the status."""
        url, token, repl_id = self._server
        if token is None:
            raise Refused(
                "`REPLIT_MCP_TOKEN` is missing",
                f"set `REPLIT_MCP_TOKEN` in `.env.{self._environment.name}`, or in CI's environment",
            )
        status(url, token, repl_id)
        return f"`{urlsplit(url).hostname}` knows the app and takes the token"
