"""The public address of a host: a TCP proxy to the app that is published now.

It passes bytes unchanged; the only HTTP that it speaks are error answers (502 if there is no app), and
the redirect to Replit's log-in where the app is private: the first request of a connection needs its token.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from scripts.sandbox.host_config import Access, HostConfig


IDLE_AFTER = 0.5  # seconds without a byte after an answer
DRAIN_LIMIT = 5.0
HEAD_LIMIT = 65536
LOGIN = "https://replit.com/__replshield"  # where Replit's own proxy sends visitors of a private app


class PublicDoor:
    """Accepts connections and passes each on to `target`, the port of the app; None: there is no app."""

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self.target: int | None = None
        self.visitors: set[Visitor] = set()

    async def start(self) -> None:
        """Listen on the public port.

        Raises:
            OSError: it is taken.
        """
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Visitor(self), "127.0.0.1", self.config.port, backlog=1024)

    async def drain(self, target: int, limit: float = DRAIN_LIMIT) -> None:
        """Close a former target's connections as they become idle, and the rest after `limit` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while left := [visitor for visitor in self.visitors if visitor.target == target]:
            expired = loop.time() > deadline
            for visitor in left:
                if expired or visitor.is_idle(loop.time()):
                    visitor.close()
            if expired:
                return
            await asyncio.sleep(0.05)


def _has_token(head: bytes, token: str) -> bool:
    """Whether the head of a request carries the token, as `authorization: Bearer TOKEN`."""
    for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"authorization":
            return hmac.compare_digest(value.strip(), f"Bearer {token}".encode())
    return False


class _End(asyncio.Protocol):
    """One end of a proxied connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _End | None = None
        self.finished = False  # it has sent everything
        self.last_data = 0.0  # loop time of its last bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.last_data = asyncio.get_running_loop().time()
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """Half-close: the other direction stays open until it ends."""
        self.finished = True
        if self.peer is None or self.peer.transport is None or self.peer.finished:
            return False
        if self.peer.transport.can_write_eof() and not self.peer.transport.is_closing():
            self.peer.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            if exc is None:
                self.peer.transport.close()
            else:
                self.peer.transport.abort()

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            with contextlib.suppress(RuntimeError):  # it closed meanwhile
                self.peer.transport.resume_reading()


class Visitor(_End):
    """The client's end; opens the app's end."""

    def __init__(self, door: PublicDoor) -> None:
        super().__init__()
        self._door = door
        self._head = b""
        self._refusal: bytes | None = None
        self._access: Access | None = None
        self._connecting: asyncio.Task[None] | None = None
        self.target: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect the visitor to the app, or play a fault."""
        super().connection_made(transport)
        self.last_data = asyncio.get_running_loop().time()  # its request is still to come: it is not idle
        fault = self._door.config.faults().get("public")
        if fault == "down":
            cast("asyncio.Transport", transport).abort()
        elif fault == "500":
            self._refuse("500 Internal Server Error")
        elif self._door.target is None:
            self._refuse("502 Bad Gateway")
        elif access := self._door.config.access():
            self._access = access
        else:
            self._begin()

    def _begin(self) -> None:
        """Connect to the app. What was read of the request already is passed on."""
        if self.transport is None or self._door.target is None:
            return
        self.transport.pause_reading()
        self.target = self._door.target
        self._door.visitors.add(self)
        self._connecting = asyncio.create_task(self._connect(self.target))

    async def _connect(self, port: int) -> None:
        app = _End()
        app.peer = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: app, "127.0.0.1", port)
        except OSError:
            self._refuse("502 Bad Gateway")
        else:
            self.peer = app
            if self._head and app.transport is not None:
                app.transport.write(self._head)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        elif app.transport is not None:
            app.transport.close()

    def _refuse(self, status: str, location: str = "") -> None:
        """Answer after the request's head: an earlier answer may get lost."""
        body = f"{status}: the stand-in for Replit's proxy\n"
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n"
        head += f"location: {location}\r\n" if location else ""
        self._refusal = f"{head}connection: close\r\n\r\n{body}".encode()

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on, or answer the request with the refusal."""
        if self._refusal is None and self._access is None:
            super().data_received(data)
            return
        self._head += data
        complete = b"\r\n\r\n" in self._head or len(self._head) > HEAD_LIMIT
        if self._access is not None and complete:
            access, self._access = self._access, None
            if _has_token(self._head, access.token):
                self._begin()
                return
            self._refuse("307 Temporary Redirect", f"{LOGIN}?redirect={self._door.config.url}")
        if self.transport is not None and self._refusal is not None and complete:
            self.transport.write(self._refusal)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the visitor."""
        self._door.visitors.discard(self)
        super().connection_lost(exc)

    def is_idle(self, now: float) -> bool:
        """Whether the app sent the last bytes, and some time ago."""
        return self.peer is not None and self.last_data <= self.peer.last_data < now - IDLE_AFTER

    def close(self) -> None:
        """Close both ends after what is already written."""
        for end in (self, self.peer):
            if end is not None and end.transport is not None:
                end.transport.close()
