"""Replit's MCP server: `publish_app` and `get_publish_status` (facts: replit.md, section 2.2).

The server is in beta and the values of its status are not documented: an answer is read leniently,
and none of them is ever taken as proof that something is live.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from scripts.config import logins
from scripts.errors import CommandFailed, ConfigError, DeskError, Refused, Unanswered, Unreachable
from scripts.replit import mcp_http, renewal
from scripts.replit.driver import Status
from scripts.replit.live import Expected
from scripts.replit.mcp_http import CALL_TIMEOUT
from scripts.replit.workspace import WorkspaceDriver
from scripts.state.held_lock import HeldLock
from scripts.system.documents import parse_json
from scripts.system.process import quoted_lines
from scripts.system.secret import Secret, redact

STATUS_TIMEOUT = 10.0
FAILED = ("fail", "error", "cancel", "reject")
T = TypeVar("T")
RUNNING = ("publishing", "pending", "queued", "progress", "building", "running", "deploying")


class NotLetIn(Unreachable):
    """The server does not take the token (401): nothing has begun."""


def warm(url: str, token: Secret | None, repl_id: str) -> None:
    """Import the library (half a second) and ask for the status once, while the build runs.

    Politely: the build may be on this very machine. What fails here is said by `publish`.

    Raises:
        NotLetIn: the server does not take the token.
    """
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    try:
        _call(url, token, "get_publish_status", repl_id, STATUS_TIMEOUT)
    except NotLetIn:
        raise
    except DeskError:
        pass


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
    answered: list[int] = []
    try:
        return asyncio.run(asyncio.wait_for(_ask(url, token, tool, repl_id, answered), limit))
    except DeskError:
        raise
    except Exception as fault:  # noqa: BLE001 - the library wraps what went wrong in groups of its own
        raise _unreachable(url, tool, fault, answered[-1] if answered else 0) from None


async def _ask(url: str, token: Secret | None, tool: str, repl_id: str, answered: list[int]) -> str:
    """The tool's answer; statuses up to the call go to `answered`: the errors of the library lack them."""
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
    called = False

    async def note(response: Any) -> None:
        nonlocal called  # what comes after the call, such as the end of the session, says nothing about it
        if response.request.method == "POST" and not called:
            answered.append(response.status_code)
            called = b'"tools/call"' in response.request.content

    async with mcp_http.client(headers, after=[note]) as http:
        transport = streamable_http_client(url, http_client=http)
        # `legacy` is the documented `initialize` handshake; `auto` would ask for a newer one first
        async with Client(transport, mode="legacy", read_timeout_seconds=CALL_TIMEOUT) as client:
            result = await client.call_tool(tool, {"replId": repl_id})
    said = redact(" ".join(str(getattr(part, "text", "")) for part in result.content))[:2000]
    structured: Any = getattr(result, "structured_content", None)
    if result.is_error:
        raise CommandFailed(f"Replit's `{tool}` was refused{quoted_lines(said)}")
    return redact(json.dumps(structured)) if isinstance(structured, dict) and not said else said


def _unreachable(url: str, tool: str, fault: BaseException, status: int) -> Unreachable:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    said = redact(str(fault) or type(fault).__name__).splitlines()[0][:300]
    hint = "check `mcp_url` of the environment and `REPLIT_MCP_TOKEN`"
    if status == 401:
        return NotLetIn(f"Replit's MCP server at `{url}` does not take the token: {said}", hint)
    kind = Unreachable if status in (403, 404) or _never_sent(fault) else Unanswered
    return kind(f"Replit's MCP server at `{url}` did not take `{tool}`: {said}", hint)


def _never_sent(fault: BaseException) -> bool:
    """No connection: the tool can't have been called."""
    import httpx2

    return isinstance(fault, httpx2.ConnectError | httpx2.ConnectTimeout)


class McpDriver(WorkspaceDriver):
    """`publish = "mcp"`: built in the workspace, published through Replit's MCP server."""

    name = "mcp"
    unattended = True
    _refused: Unreachable | None = None

    @property
    def unproven_hint(self) -> str:
        """Where to look when a release does not show."""
        return f"look at {self._environment.url} and at the publishing log of the app on Replit"

    @property
    def _again(self) -> str:
        """What to type for a new sign-in."""
        return f"sign in again: `invoke replit.login --env {self._environment.name}`"

    def _token(self, refused: Secret | None = None) -> Secret | None:
        """`REPLIT_MCP_TOKEN`, or else that of the stored sign-in, renewed where it has to be."""
        given = self._desk.values(self._environment).get("REPLIT_MCP_TOKEN")
        if given:
            return Secret(given)
        file = logins.file_of(self._desk.state_folder, self._environment.mcp_url)
        return renewal.token(file, self._again, refused)

    def _asked(self, question: Callable[[str, Secret | None, str], T]) -> T:
        """The answer; a stored token that is not taken is renewed once: nothing has begun.

        Raises:
            NotLetIn: the server takes no token of ours; the hint says what to do.
        """
        url, repl_id = self._environment.mcp_url, self._environment.repl_id
        token = self._token()
        try:
            return question(url, token, repl_id)
        except NotLetIn as fault:
            renewed = self._token(refused=token)
            if token is None or renewed in (None, token):
                raise NotLetIn(fault.message, self._hint(token)) from None
        try:
            return question(url, renewed, repl_id)
        except NotLetIn as fault:
            raise NotLetIn(fault.message, self._again) from None

    def _hint(self, token: Secret | None) -> str:
        name = self._environment.name
        if token is None:
            return f"`invoke replit.login --env {name}`, or set `REPLIT_MCP_TOKEN`"
        return (
            "`REPLIT_MCP_TOKEN` has expired, was revoked or is wrong, and wins over a sign-in: take it out"
            f" of `.env.{name}` or CI's environment, then `invoke replit.login --env {name}`"
        )

    def _warm(self) -> None:
        try:
            self._asked(warm)
        except (NotLetIn, renewal.SignedOut) as fault:
            self._refused = fault
        except DeskError:
            pass

    def build(self, expected: Expected, candidate: str, *, send: bool = False, keep: str = "") -> bytes:
        """Build in the workspace; the library for Publish is imported meanwhile.

        A sign-in that has ended is named before anything is built, and a token that is not taken after the
        build: before the database changes for a Publish that can't come.
        """
        self._token()
        self._refused = None
        threading.Thread(target=self._warm, daemon=True).start()
        archive = super().build(expected, candidate, send=send, keep=keep)
        if self._refused:
            raise self._refused
        return archive

    def publish(self, expected: Expected, lock: HeldLock) -> None:
        """Ask Replit; see `Driver`."""
        self._asked(publish)

    def publish_status(self) -> tuple[Status, str]:
        """What Replit says; a question that fails says nothing."""
        try:
            return self._asked(status)
        except (CommandFailed, ConfigError):
            return "other", ""

    def check(self) -> str:
        """Replit's MCP server takes the token for this app; asked only for the status."""
        name, host = self._environment.name, urlsplit(self._environment.mcp_url).hostname
        if self._token() is None:
            raise Refused(
                "`REPLIT_MCP_TOKEN` is missing, and nobody has signed in on this machine",
                f"`invoke replit.login --env {name}`; or set `REPLIT_MCP_TOKEN` in `.env.{name}`,"
                " or in CI's environment",
            )
        self._asked(status)
        return f"`{host}` knows the app and takes the token"
