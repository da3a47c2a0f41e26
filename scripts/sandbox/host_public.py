"""The public address of a host: a TCP proxy to the app that is published now.

It knows nothing of HTTP but its errors (502 when there is no app), so bytes pass as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig


QUIET = 0.5  # seconds without a byte after an answer: then a kept-alive connection is idle
DRAIN_LIMIT = 5.0
HEAD_LIMIT = 65536


class PublicDoor:
    """Accepts always, and leads each new connection to `target` (a port; None: nobody)."""

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self.target: int | None = None
        self.visits: set[Visitor] = set()

    async def start(self) -> None:
        """Listen on the public port.

        Raises:
            OSError: it is taken.
        """
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Visitor(self), "127.0.0.1", self.config.port, backlog=1024)

    async def drain(self, target: int, limit: float = DRAIN_LIMIT) -> None:
        """Let the visitors of a former target finish: close each when it is idle."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while staying := [visit for visit in self.visits if visit.target == target]:
            over = loop.time() > deadline
            for visit in staying:
                if over or visit.idle(loop.time()):
                    visit.leave()
            if over:
                return
            await asyncio.sleep(0.05)


class _End(asyncio.Protocol):
    """One end of a connection that is passed on to another end."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _End | None = None
        self.finished = False  # this end has said all it had to say
        self.heard = 0.0  # when it last said something

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """Half-close: the other direction stays open until it ends too."""
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
    """The client's end; makes the app's end."""

    def __init__(self, door: PublicDoor) -> None:
        super().__init__()
        self._door = door
        self._head = b""
        self._refusal: bytes | None = None
        self._leading: asyncio.Task[None] | None = None
        self.target: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lead the visitor to the app, or play a fault."""
        super().connection_made(transport)
        self.heard = asyncio.get_running_loop().time()  # its request is due: it is not idle
        fault = self._door.config.faults().get("public")
        if fault == "down":
            cast("asyncio.Transport", transport).abort()
        elif fault == "500":
            self._refuse("500 Internal Server Error")
        elif self._door.target is None:
            self._refuse("502 Bad Gateway")
        else:
            cast("asyncio.Transport", transport).pause_reading()
            self.target = self._door.target
            self._door.visits.add(self)
            self._leading = asyncio.create_task(self._lead(self.target))

    async def _lead(self, port: int) -> None:
        app = _End()
        app.peer = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: app, "127.0.0.1", port)
        except OSError:
            self._refuse("502 Bad Gateway")
        else:
            self.peer = app
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        elif app.transport is not None:
            app.transport.close()

    def _refuse(self, status: str) -> None:
        """Answered once the request's head is read: an answer before it may be lost."""
        body = f"{status}: the stand-in for Replit's proxy\n"
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n"
        self._refusal = f"{head}connection: close\r\n\r\n{body}".encode()

    def data_received(self, data: bytes) -> None:
        """Pass it on, or answer the request with what was decided."""
        if self._refusal is None:
            super().data_received(data)
            return
        self._head += data
        if self.transport is not None and (b"\r\n\r\n" in self._head or len(self._head) > HEAD_LIMIT):
            self.transport.write(self._refusal)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the visitor."""
        self._door.visits.discard(self)
        super().connection_lost(exc)

    def idle(self, now: float) -> bool:
        """Whether the last word was the app's, and some time ago."""
        return self.peer is not None and self.heard <= self.peer.heard < now - QUIET

    def leave(self) -> None:
        """Close both ends, what is written already still goes out."""
        for end in (self, self.peer):
            if end is not None and end.transport is not None:
                end.transport.close()
