"""`/-/release`: what the launcher does, for those who hold the token; for others there is no such page."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

STATUS_PATH = b"/-/release"
HEAD_BYTES = 16_384
HANDED = ".open"  # the ending of the socket on which open connections are handed to a release
STATUS_AT_ONCE = threading.BoundedSemaphore(4)
HEAD_SECONDS = 5.0
STATUS_BYTES = 65_536


class StatusServer:
    """Answers on a private socket, to which the app's helper passes requests on.

    Args:
        report: makes the document.
        poke: called for a POST: look at the remote now.
    """

    def __init__(self, token: str, report: Callable[[], dict[str, Any]], poke: Callable[[], None]) -> None:
        self._token, self._report, self._poke = token, report, poke

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            writer.write(self.answer(head))
            await asyncio.wait_for(writer.drain(), HEAD_SECONDS)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    def answer(self, head: bytes) -> bytes:
        """The whole answer to a request's head."""
        method, path, fields = parsed_head(head)
        if path != STATUS_PATH:
            return http_answer(503, {"error": "no release is live yet"}, "Retry-After: 5\r\n")
        if not self._is_allowed(fields) or method not in (b"GET", b"HEAD", b"POST"):
            return http_answer(404, {"error": "not found"})
        if method == b"POST":
            self._poke()
            return http_answer(202, {"launcher": "1", "looking": True})
        answer = http_answer(200, self._report())
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else answer

    def _is_allowed(self, fields: dict[bytes, bytes]) -> bool:
        """Whether it has the token: as a bearer, or in a field of its own, where Replit reads the other."""
        kind, _, token = fields.get(b"authorization", b"").partition(b" ")
        told, given = self._token.encode(), fields.get(b"x-launcher-token", b"")
        as_bearer = hmac.compare_digest(token.strip(), told) and kind.lower() == b"bearer"
        return bool(told) and (hmac.compare_digest(given, told) or as_bearer)


def parsed_head(head: bytes) -> tuple[bytes, bytes, dict[bytes, bytes]]:
    """Method, path without its query, and fields by lower-case name, of a request's head."""
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3:
        return b"", b"", {}
    fields = {}
    for line in lines:
        name, found, value = line.partition(b":")
        if found:
            fields[name.strip().lower()] = value.strip()
    return words[0], words[1].partition(b"?")[0], fields


def http_answer(status: int, document: dict[str, Any], fields: str = "") -> bytes:
    """A JSON answer that is not kept by anybody; its connection ends with it."""
    body = json.dumps(document).encode()
    if len(body) > STATUS_BYTES:  # only the log's tail can be that long
        document = {**document, "failed": {**(document.get("failed") or {}), "log": ""}}
        body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n{fields}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def pass_on(connection: socket.socket, request: bytes, status: str) -> None:
    """Have the launcher answer a request on this connection, and end it; whoever calls took a place."""
    try:
        with contextlib.suppress(OSError), connection, socket.socket(socket.AF_UNIX) as launcher:
            connection.settimeout(5)
            launcher.settimeout(5)
            launcher.connect(status)
            launcher.sendall(request)
            while data := launcher.recv(65_536):
                connection.sendall(data)
    finally:
        STATUS_AT_ONCE.release()
