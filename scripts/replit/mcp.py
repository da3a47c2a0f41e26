"""Replit's MCP server: `publish_app` and `get_publish_status` (facts: replit.md, section 2.2).

The server is in beta and the values of its status are not documented: an answer is read leniently,
and none of them is ever taken as proof that something is live.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from scripts.config import logins
from scripts.errors import CommandFailed, ConfigError, DeskError, Refused, Unanswered, Unreachable
from scripts.replit import mcp_client, renewal
from scripts.replit.driver import Status
from scripts.replit.live import Expected
from scripts.replit.workspace import WorkspaceDriver
from scripts.state.held_lock import HeldLock
from scripts.system.documents import parse_json
from scripts.system.process import quoted_lines
from scripts.system.secret import Secret, redact

CALL_TIMEOUT, STATUS_TIMEOUT = 60.0, 10.0  # seconds
FAILED = ("fail", "error", "cancel", "reject")
T = TypeVar("T")
RUNNING = ("publishing", "pending", "queued", "progress", "building", "running", "deploying")


class NotLetIn(Unreachable):
    """The server does not take the token (401): nothing has begun."""


def publish(
    url: str, token: Secret | None, repl_id: str, before: Callable[[], None] = lambda: None
) -> None:
    """Ask Replit to publish the workspace as it is; returns once that is accepted.

    Args:
        before: what is made sure of at the last moment; may raise.

    Raises:
        CommandFailed: the server refused.
        Unreachable: it can't be reached, or doesn't let us in: nothing has begun.
        Unanswered: it was asked, and no answer came: it may have begun all the same.
    """
    _call(url, token, "publish_app", repl_id, CALL_TIMEOUT, before=before)


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


def _call(
    url: str,
    token: Secret | None,
    tool: str,
    repl_id: str,
    limit: float,
    *,
    before: Callable[[], None] = lambda: None,
) -> str:
    try:
        result = mcp_client.call_tool(url, token, tool, {"replId": repl_id}, limit, before=before)
    except mcp_client.McpError as fault:
        raise _not_taken(url, tool, fault) from None
    said = redact(result.text)[:2000]
    if result.failed:
        raise CommandFailed(f"Replit's `{tool}` was refused{quoted_lines(said)}")
    return redact(json.dumps(result.structured)) if result.structured and not said else said


def _not_taken(url: str, tool: str, fault: mcp_client.McpError) -> CommandFailed:
    """What the fault means: refused, never asked for, or unknown."""
    said = redact(str(fault)).splitlines()[0][:300]
    hint = "check `mcp_url` of the environment and `REPLIT_MCP_TOKEN`"
    if fault.status == 401:
        return NotLetIn(f"Replit's MCP server at `{url}` does not take the token: {said}", hint)
    if fault.refused:
        return CommandFailed(f"Replit's `{tool}` was refused{quoted_lines(said)}", hint)
    kind = Unanswered if fault.called and fault.status not in (403, 404) else Unreachable
    return kind(f"Replit's MCP server at `{url}` did not take `{tool}`: {said}", hint)


class McpDriver(WorkspaceDriver):
    """`publish = "mcp"`: built in the workspace, published through Replit's MCP server."""

    name = "mcp"
    unattended = True
    confirms = True
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

    def _try_token(self) -> None:
        """Ask for the status; what else fails here is said by `publish`."""
        try:
            self._asked(status)
        except (NotLetIn, renewal.SignedOut) as fault:
            self._refused = fault
        except DeskError:
            pass

    def build(self, expected: Expected, candidate: str, *, send: bool = False, keep: str = "") -> bytes:
        """Build in the workspace, while the token is tried.

        A sign-in that has ended is named before anything is built, and a token that is not taken after the
        build: before the database changes for a Publish that can't come.
        """
        self._token()
        self._refused = None
        threading.Thread(target=self._try_token, daemon=True).start()
        archive = super().build(expected, candidate, send=send, keep=keep)
        if self._refused:
            raise self._refused
        return archive

    def publish(self, expected: Expected, lock: HeldLock) -> None:
        """Ask Replit; see `Driver`.

        The git remote is asked who holds the lock while the session begins; nothing is between its answer
        and the call.
        """
        lock.ask_ahead()

        def still_held() -> None:
            lock.check(ask=True)

        self._asked(lambda url, token, repl_id: publish(url, token, repl_id, still_held))

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
