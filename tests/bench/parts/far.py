"""Distance: connections that take as long as to a server so many milliseconds away, and git over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from scripts.sandbox.hang_ups import StandInServer
from tests.support.git_http import backend

PIECE = 1 << 16


@contextmanager
def far(port: int, seconds: float) -> Iterator[int]:
    """A port of 127.0.0.1 behind which that port is so far away, there and back.

    Connecting takes as long once, and so does each answer: a byte arrives half of it after it was sent.
    """
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected = loop.time() + seconds
        with closing(writer), suppress(OSError, asyncio.CancelledError):  # cancelled at the end
            there, back = await asyncio.open_connection("127.0.0.1", port)
            with closing(back):
                await asyncio.gather(
                    _carry(reader, back, seconds / 2, connected), _carry(there, writer, seconds / 2, 0.0)
                )

    over = asyncio.Event()

    async def serve() -> None:
        async with await asyncio.start_server(opened, "127.0.0.1", 0, backlog=512) as server:
            found.append(server.sockets[0].getsockname()[1])
            ready.set()
            await over.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)


async def _carry(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float, connected: float
) -> None:
    """Pass on what comes, later; in order, and without a limit of how much is under way."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def deliver() -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                with suppress(OSError):
                    target.write_eof()
                return
            target.write(data)
            with suppress(OSError):
                await target.drain()

    delivering = asyncio.ensure_future(deliver())
    data = b" "
    while data:
        try:
            data = await source.read(PIECE)
        except OSError:
            data = b""
        queue.put_nowait((max(loop.time(), connected) + delay, data))
    await delivering


class _Git(BaseHTTPRequestHandler):
    """`git http-backend` behind HTTP/1.1, with connections that stay open."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Hand the request on, and answer with what it says."""
        self.server.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        status, fields, rest = backend(self, self.server.root, self._body())
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    do_POST = do_GET  # noqa: N815 - the library's name

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class _Server(StandInServer):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Git)


@contextmanager
def git_over_http(root: Path) -> Iterator[_Server]:
    """A server of the bare repositories in `root`, which takes pushes; `asked`: its requests."""
    server = _Server(root)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
