"""A client of MCP, as small as one call of a tool needs: Streamable HTTP, protocol version 2025-06-18.

The `mcp` library does the same, and takes half a second of the processor to import. What is spoken here is
held to its server by `tests/contract/test_mcp_client.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from scripts import http
from scripts.system.background import boottime, submit
from scripts.system.documents import parse_json
from scripts.system.secret import Secret

VERSION = "2025-06-18"
LARGEST = 1024 * 1024  # bytes of one answer; a real one has about 1 000
REFUSED = (-32600, -32601, -32602)  # of JSON-RPC: no such tool, or not with these arguments
HANG_UP = 2.0  # seconds to tell the server that the session is over
Document = Mapping[str, Any]


class McpError(Exception):
    """No result.

    Args:
        status: of HTTP; 0 where nothing came.
        called: the call was sent, so it may have been carried out.
        refused: the server says that it was not.
    """

    def __init__(self, why: str, status: int = 0, *, called: bool = False, refused: bool = False) -> None:
        super().__init__(why)
        self.status, self.called, self.refused = status, called, refused


@dataclass(frozen=True)
class ToolResult:
    """What a tool answers.

    Args:
        text: of all parts of its content.
        structured: its structured content; None without any.
        failed: the tool says that it failed.
    """

    text: str
    structured: Document | None
    failed: bool


def call_tool(
    url: str,
    token: Secret | None,
    tool: str,
    arguments: Document,
    seconds: float,
    *,
    before: Callable[[], None] = lambda: None,
) -> ToolResult:
    """Begin a session, call one tool, and end the session.

    Args:
        seconds: for all of it.
        before: what is made sure of between the beginning of the session and the call; may raise.

    Raises:
        McpError: no result came.
    """
    session = _Session(url, token, boottime() + seconds)
    try:
        session.begin()
        before()
        return _result(session.ask("tools/call", {"name": tool, "arguments": dict(arguments)}))
    finally:
        submit(session.end)


@dataclass
class _Session:
    """One session, over one connection.

    Args:
        until: when it has to be over, by the clock.
    """

    url: str
    token: Secret | None
    until: float
    line: http.Line = field(default_factory=http.Line)
    named: dict[str, str] = field(default_factory=dict)  # headers that say which session this is
    asked: int = 0

    def begin(self) -> None:
        """The handshake."""
        client = {"name": "release-desk", "version": "1"}
        wanted = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client}
        result = self.ask("initialize", wanted)
        self.named["MCP-Protocol-Version"] = str(result.get("protocolVersion") or VERSION)
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, None)

    def ask(self, method: str, params: Document) -> Document:
        """The result of a request."""
        self.asked += 1
        number, called = self.asked, method == "tools/call"
        sent = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        answer = self._post(sent, number)
        found = _found(answer, number)
        if found is None:
            raise McpError("it gives no answer of the protocol", answer.status, called=called)
        if "error" in found:
            error = found["error"] if isinstance(found["error"], dict) else {}
            refused = error.get("code") in REFUSED
            said = str(error.get("message") or "an error without words")
            raise McpError(said, answer.status, called=called, refused=refused)
        result = found.get("result")
        if not isinstance(result, dict):
            raise McpError("its answer has no result", answer.status, called=called)
        return result

    def end(self) -> None:
        """Tell the server; whether it listens changes nothing."""
        with suppress(http.FetchError):
            if "Mcp-Session-Id" in self.named:
                self._fetch("DELETE", None, HANG_UP, lambda _so_far: True)
        self.line.close()

    def _post(self, document: Document, number: int | None) -> http.Response:
        """What the server answers to a message; `number`: of the request that it is."""
        called = document["method"] == "tools/call"
        body = json.dumps(document).encode()
        try:
            answer = self._fetch(
                "POST", body, self.until - boottime(), lambda so_far: _found(so_far, number) is not None
            )
        except http.FetchError as fault:
            status = fault.head.status if fault.head else 0
            raise McpError(fault.why, status, called=called) from None
        if answer.status not in (200, 202, 204):
            raise McpError(f"it answers {answer.status}", answer.status, called=called)
        if session := answer.headers.get("mcp-session-id"):
            self.named["Mcp-Session-Id"] = session
        return answer

    def _fetch(
        self, method: str, body: bytes | None, seconds: float, enough: Callable[[http.Response], bool]
    ) -> http.Response:
        headers = {
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": http.HEADERS["User-Agent"],
            **self.named,
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token.reveal()}"
        answer = http.fetch(
            self.url,
            seconds=max(seconds, 0.001),
            most_bytes=LARGEST,
            method=method,
            headers=headers,
            body=body,
            line=self.line,
            enough=enough,
        )
        if not answer.complete:
            raise http.FetchError("its answer is too large", answer)
        return answer


def _found(answer: http.Response, number: int | None) -> Document | None:
    """The answer to a request among what has arrived so far; None where it is not there yet."""
    for text in _messages(answer):
        with suppress(ValueError):
            document = parse_json(text)
            if isinstance(document, dict) and document.get("id") == number and "method" not in document:
                return document
    return None


def _messages(answer: http.Response) -> Iterator[str]:
    """The texts of a plain answer, or of the events of a stream that have ended."""
    text = answer.body.decode("utf-8", "replace")
    if not answer.headers.get("content-type", "").lower().startswith("text/event-stream"):
        yield text
        return
    *events, _unfinished = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
    for event in events:
        lines = [line.partition(":") for line in event.split("\n")]
        yield "\n".join(value.removeprefix(" ") for name, _, value in lines if name == "data")


def _result(result: Document) -> ToolResult:
    parts, structured = result.get("content"), result.get("structuredContent")
    listed = parts if isinstance(parts, list) else []
    texts = [str(part.get("text", "")) for part in listed if isinstance(part, dict)]
    return ToolResult(
        " ".join(texts), structured if isinstance(structured, dict) else None, bool(result.get("isError"))
    )
