"""For an app that can't take a socket: it gets a port of its own, and its visitors are passed through.

Bytes are passed on as they are. When another release takes over, a connection that is open goes on with the
new one from its next request on; what begins like a request, after an answer, is taken for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

from scripts.replit.launcher.child import FIRST_FD, Spawn, start_process, wait_for_exit
from scripts.replit.launcher.config import app_environment
from scripts.replit.launcher.status import HANDED, HEAD_BYTES, STATUS_PATH

PIECE = 65_536
CONNECT_SECONDS = 10.0
REQUEST = re.compile(rb"[A-Z]{3,10} [!-~]{1,8000} HTTP/1\.[01]\r\n")
QUIET_SECONDS = 0.5  # without a byte of an answer: it is at its end


class Proxy:
    """One release behind its own port."""

    def __init__(self, port: int, private: str, status: str) -> None:
        self._port, self._private, self._status = port, private, status
        self._open = asyncio.Event()  # requests are passed on, not held
        self._open.set()
        self._next = ""
        self._change = 0  # counts where requests go
        self._turn = FIRST_FD
        self._shared: socket.socket | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self._handed = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    async def run(self, control: socket.socket) -> None:
        """Until the launcher is gone."""
        self._handed.bind(self._private + HANDED)
        self._handed.setblocking(False)
        asyncio.get_running_loop().add_reader(self._handed, self._take_over)
        await asyncio.start_unix_server(
            lambda r, w: self._visit(r, w, private=True), self._private, limit=PIECE
        )
        reader, writer = await asyncio.open_connection(sock=control)
        while line := await reader.readline():
            word, _, rest = line.decode().strip().partition(" ")
            await self._obey(word, rest)
            writer.write(f"{word}\n".encode())
            await writer.drain()

    async def _obey(self, word: str, path: str) -> None:
        if word == "accept":
            shared, self._turn = socket.socket(fileno=self._turn), self._turn + 1
            self._next, self._change = "", self._change + 1
            shared.setblocking(False)
            self._shared = shared
            asyncio.get_running_loop().add_reader(shared, self._accept, shared)
            self._open.set()
        elif word == "hold":
            self._open.clear()
            if self._shared:
                asyncio.get_running_loop().remove_reader(self._shared)
                self._shared.close()
                self._shared = None
        elif word == "forward":
            self._next, self._change = path, self._change + 1
            self._open.set()
        elif word == "close":
            for each in list(self._visits):
                each.cancel()

    def _accept(self, shared: socket.socket) -> None:
        """By hand: a server of asyncio drops what it has accepted and not yet begun when it is closed."""
        with contextlib.suppress(OSError):
            for _ in range(64):
                self._begin(shared.accept()[0], b"")

    def _begin(self, connection: socket.socket, text: bytes) -> None:
        task = asyncio.ensure_future(self._welcome(connection, text))
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)

    async def _visit(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        private: bool,
        text: bytes = b"",
    ) -> None:
        try:
            text = text or await reader.read(PIECE)
            while text:
                if not private:
                    await self._open.wait()
                if self._next and not private:
                    await self._hand_over(text, reader, writer)
                    return
                text = await self._pass_through(text, reader, writer)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()

    async def _pass_through(
        self, text: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Pass bytes both ways; the beginning of a request that goes elsewhere, or nothing at the end."""
        change, way = self._change, Way(asks_status=_asks_status(text))
        await asyncio.wait_for(way.connect(self._status, self._port, writer), CONNECT_SECONDS)
        try:
            while text:
                await way.send(text)
                text = await way.next_piece(reader)
                if way.answered and REQUEST.match(text):
                    held = not self._open.is_set()
                    if change != self._change or held or way.asks_status or _asks_status(text):
                        return text
            await way.finish()
        except asyncio.CancelledError:
            if not way.is_quiet or not self._next:
                raise
            await self._hand_over(b"", reader, writer)
        finally:
            way.close()
        return b""

    async def _hand_over(
        self, text: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The connection itself, with what was read of its request, to the release that is live."""
        transport = writer.transport
        transport.pause_reading()  # type: ignore[attr-defined]
        with contextlib.suppress(asyncio.TimeoutError):
            text += await asyncio.wait_for(reader.read(PIECE), 0.01)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.settimeout(2)
            other.connect(self._next + HANDED)
            socket.send_fds(other, [b"\0" + text], [transport.get_extra_info("socket").fileno()])
        transport.abort()

    def _take_over(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                text, fds, _, _ = socket.recv_fds(self._handed, 4 * PIECE, 4, socket.MSG_DONTWAIT)
                for fd in fds:
                    self._begin(socket.socket(fileno=fd), text[1:])

    async def _welcome(self, connection: socket.socket, text: bytes) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=PIECE)
        await self._visit(reader, writer, private=False, text=text)


class Way:
    """The connection on which one visitor's bytes are passed on."""

    def __init__(self, *, asks_status: bool) -> None:
        self.asks_status, self.answered = asks_status, False
        self._last = 0.0

    async def connect(self, status: str, port: int, visitor: asyncio.StreamWriter) -> None:
        """Reach the app, or the launcher for its status."""
        if self.asks_status:
            self._reader, self._writer = await asyncio.open_unix_connection(status, limit=PIECE)
        else:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
        self._down = asyncio.ensure_future(self._pass_down(visitor))

    async def send(self, text: bytes) -> None:
        """Bytes of the visitor."""
        self._writer.write(text)
        await self._writer.drain()

    async def next_piece(self, reader: asyncio.StreamReader) -> bytes:
        """What the visitor sends next; nothing when either side has ended."""
        reading = asyncio.ensure_future(reader.read(PIECE))
        either: set[asyncio.Future[Any]] = {reading, self._down}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not reading.done():
                reading.cancel()
        return reading.result() if reading.done() and not reading.cancelled() else b""

    async def finish(self) -> None:
        """The visitor sends no more; the rest of the answer is for him still."""
        if not self._down.done():
            with contextlib.suppress(OSError):
                self._writer.write_eof()
            await self._down

    @property
    def is_quiet(self) -> bool:
        """An answer was passed on, and nothing more for a while."""
        return self.answered and not self._down.done() and time.monotonic() - self._last > QUIET_SECONDS

    async def _pass_down(self, visitor: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await self._reader.read(PIECE):
                self.answered, self._last = True, time.monotonic()
                visitor.write(data)
                await visitor.drain()

    def close(self) -> None:
        """End it."""
        self._down.cancel()
        self._writer.close()


def _asks_status(text: bytes) -> bool:
    words = text[:HEAD_BYTES].split(b" ", 2)
    return len(words) == 3 and words[1].partition(b"?")[0] == STATUS_PATH


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_proxy() -> int:
    """The program `launcher.py proxy`: started by the launcher alone."""
    return asyncio.run(_serve_proxy())


async def _serve_proxy() -> int:
    own = {"RELEASE_SOCKET", "RELEASE_CONTROL", "RELEASE_STATUS", "RELEASE_RUN", "LISTEN_FDS", "LISTEN_PID"}
    port = _free_port()
    variables = {name: value for name, value in app_environment().items() if name not in own}
    argv = json.loads(os.environ["RELEASE_RUN"])
    pid = start_process(Spawn(argv, Path.cwd(), {**variables, "PORT": str(port)}, leads=False), 1, 2)
    app = asyncio.ensure_future(wait_for_exit(pid))
    proxy = Proxy(port, os.environ["RELEASE_SOCKET"], os.environ["RELEASE_STATUS"])
    serving = asyncio.ensure_future(proxy.run(socket.socket(fileno=int(os.environ["RELEASE_CONTROL"]))))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)  # the app is asked as well
    await asyncio.wait({app, serving}, return_when=asyncio.FIRST_COMPLETED)
    if not app.done():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return 1
    return app.result() if app.result() >= 0 else 1
