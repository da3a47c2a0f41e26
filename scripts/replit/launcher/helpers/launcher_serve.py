"""Serves where the launcher says; without the launcher on `port`. Python 3.10, standard library alone.

    from launcher_serve import serve

    serve(app, 5000)            # a WSGI app: Flask, Django's `application`, Bottle
    serve(Handler, 5000)        # or a class of `http.server`

One process of the app may use it, started by its own command: `["python3", "server.py"]`. Each open
connection has a thread. A body needs a `Content-Length`. ASGI apps do without: `"socket": "proxy"`.
"""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn
from typing import Any, cast
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

STATUS_PATH = "/-/release"
IDLE_SECONDS = 60  # of a visitor who neither sends nor reads
ANSWER_SECONDS = 120  # of the release that a request was handed to
PIECE = 65_536
MOST_LINES = 200  # of the head of an answer
MOST_UNREAD = 1_048_576  # bytes of a body that the app left unread: more, and the connection ends


def serve(app: Any, port: int = 5000, host: str = "0.0.0.0") -> None:  # noqa: S104 - as Replit needs it
    """Serve for ever.

    Args:
        app: a WSGI app, or a subclass of `BaseHTTPRequestHandler`.
    """
    is_handler = isinstance(app, type) and issubclass(app, BaseHTTPRequestHandler)
    kind: Any = app if is_handler else AppHandler
    control = os.environ.get("RELEASE_CONTROL")
    if control:
        Server(app, routed(kind), port).follow(int(control))
    server = Server(app, kind, port)
    server.server_close()
    server.socket = socket.create_server((host, port), backlog=1024)
    server.serve_forever()


class Server(ThreadingMixIn, WSGIServer):
    """The connections of one release, and where their requests go."""

    daemon_threads = True

    def __init__(self, app: Any, handler: Any, port: int) -> None:
        super().__init__(("", port), handler, bind_and_activate=False)
        self.server_name, self.server_port = "localhost", port
        self.setup_environ()
        self.set_app(app)
        self.next = ""  # the socket of the release that requests are handed to
        self.holds = False
        self.changed = threading.Condition()
        self.visits: set[Any] = set()

    def follow(self, control: int) -> None:
        """Do what the launcher says, until it is gone."""
        self.server_close()
        for fd in range(3, control + 1):
            os.set_inheritable(fd, False)  # programs that the app starts don't get them
        # shared with the launcher and other releases, so nothing here may set whether it blocks
        shared, channel = socket.socket(fileno=3), socket.socket(fileno=control)
        private = socket.socket(socket.AF_UNIX)
        private.bind(os.environ["RELEASE_SOCKET"])
        private.listen(128)
        private.setblocking(False)
        text = b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(channel, selectors.EVENT_READ)
            waiting.register(private, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in waiting.select()]
                if channel in ready:
                    data = channel.recv(PIECE)
                    if not data:
                        os._exit(1)  # the launcher is gone
                    *lines, text = (text + data).split(b"\n")
                    for line in lines:
                        self._obey(line.decode(), waiting, shared)
                        channel.sendall(line.split(b" ")[0] + b"\n")
                    continue  # the shared socket may be another's now
                for listening in ready:
                    self._welcome(listening, is_private=listening is private)

    def _obey(self, line: str, waiting: selectors.BaseSelector, shared: socket.socket) -> None:
        word, _, path = line.partition(" ")
        takes = shared in waiting.get_map()
        if word == "accept" and not takes:
            waiting.register(shared, selectors.EVENT_READ)
        if word == "hold" and takes:
            waiting.unregister(shared)
        with self.changed:
            if word in ("accept", "hold", "forward"):
                self.holds = word == "hold"
            if word in ("accept", "forward"):
                self.next = path
            ending = list(self.visits) if word == "close" else []
            self.changed.notify_all()
        for each in ending:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _welcome(self, listening: Any, *, is_private: bool) -> None:
        try:
            connection, address = listening.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            return  # another release was faster, or the visitor has left
        except OSError:
            time.sleep(0.05)  # too many open files
            return
        connection.setblocking(True)
        if is_private:
            address = ("127.0.0.1", 0)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.changed:
            self.visits.add(connection)
        try:
            self.process_request(connection, address)
        except RuntimeError:  # no thread to be had
            self.shutdown_request(connection)

    def way(self) -> str:
        """Where a request goes that is whole now, once that is known; nothing: the app answers it."""
        with self.changed:
            while self.holds:
                self.changed.wait()
            return self.next

    def close_request(self, request: Any) -> None:
        """A connection is over."""
        with self.changed:
            self.visits.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who left is no error of the app."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def routed(kind: Any) -> Any:
    """The handler, with requests that are not for this release handed on."""

    class Routed(kind):  # type: ignore[misc]
        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            size = body_size(self)
            if size is None:
                return False
            asks_status = self.path.split("?")[0] == STATUS_PATH
            way = os.environ.get("RELEASE_STATUS", "") if asks_status else self.server.way()
            if way:
                forward(self, way, size)
            return not way

    return Routed


def body_size(handler: Any) -> int | None:
    """Bytes of a request's body; None: it was refused, because where it ends can't be told."""
    given = handler.headers.get_all("Content-Length", ["0"])
    if handler.headers.get("Transfer-Encoding"):
        handler.send_error(411)
    elif len(given) != 1 or not (given[0].isascii() and given[0].isdigit()) or len(given[0]) > 15:
        handler.send_error(400)
    else:
        return int(given[0])
    return None


def forward(handler: Any, path: str, left: int) -> None:
    """Have the release on that socket answer; then close, so that the visitor comes anew."""
    handler.close_connection = True
    has_begun = False
    try:
        with socket.socket(socket.AF_UNIX) as onward:
            onward.settimeout(ANSWER_SECONDS)
            onward.connect(path)
            fields = "".join(
                f"{name}: {' '.join(value.splitlines())}\r\n"
                for name, value in handler.headers.items()
                if name.lower() not in ("connection", "keep-alive", "upgrade", "expect")
            )
            start = f"{handler.command} {handler.path} {handler.request_version}"
            onward.sendall(f"{start}\r\n{fields}Connection: close\r\n\r\n".encode("iso-8859-1"))
            while left > 0:
                data = handler.rfile.read1(min(left, PIECE))
                if not data:
                    return  # the visitor has left
                onward.sendall(data)
                left -= len(data)
            answer = onward.makefile("rb")
            head = answer_head(answer)
            has_begun = True
            handler.wfile.write(b"".join([*head, b"Connection: close\r\n\r\n"]))
            while data := answer.read1(PIECE):
                handler.wfile.write(data)
                handler.wfile.flush()
    except (OSError, ValueError):
        if not has_begun:
            handler.send_error(503)


def answer_head(answer: Any) -> list[bytes]:
    """The lines of an answer's head, those about the connection left out.

    Raises:
        ValueError: there is none.
    """
    while True:
        lines: list[bytes] = []
        while (line := answer.readline(PIECE)).strip():
            if len(lines) >= MOST_LINES or not line.endswith(b"\n"):
                raise ValueError("too long")
            if not line.lower().startswith((b"connection:", b"keep-alive:")):
                lines.append(line)
        if not line or not lines or not lines[0].startswith(b"HTTP/1."):
            raise ValueError("no answer")
        if lines[0][9:10] != b"1":  # an interim answer is not the answer
            return lines


class AppHandler(WSGIRequestHandler):
    """One connection of a WSGI app: as many requests as come."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    wbufsize = PIECE
    handle = BaseHTTPRequestHandler.handle  # the one of `wsgiref` ends after one request

    def __getattr__(self, name: str) -> Any:
        """Every method is for the app to judge: `do_GET`, `do_PATCH` and so on."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        """Have the app answer a request."""
        size = body_size(self)
        if size is None:
            return
        body = Body(self.rfile, size)
        environ, out = self.get_environ(), cast(Any, self.wfile)
        run = Answer(io.BufferedReader(body), out, self.get_stderr(), environ, multithread=True)
        run.handler = self
        run.run(self.server.get_app())  # type: ignore[attr-defined]
        if not run.is_whole or body.left > MOST_UNREAD:
            self.close_connection = True
        while body.left and not self.close_connection:
            body.read(PIECE)

    def handle_expect_100(self) -> bool:
        """Say so at once: the visitor waits for it."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def log_message(self, *_: Any) -> None:
        """Nothing: the log is the launcher's."""


class Body(io.RawIOBase):
    """The body of a request, and not a byte of the next one."""

    def __init__(self, source: Any, left: int) -> None:
        super().__init__()
        self._source, self.left = source, left

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come."""
        data = self._source.read1(min(len(buffer), self.left)) if self.left else b""
        if self.left and not data:
            raise ConnectionResetError("the visitor has left")
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)


class Answer(SimpleHandler):
    """One answer of a WSGI app, on a connection that may go on after it."""

    http_version = "1.1"
    os_environ: dict[str, str] = {}  # noqa: RUF012 - of the base class
    handler: AppHandler
    status: str | None
    headers: Any
    bytes_sent: int
    is_whole = False

    def has_no_body(self) -> bool:
        """By HTTP, whatever the app gives."""
        return self.handler.command == "HEAD" or str(self.status)[:3] in ("204", "304")

    def cleanup_headers(self) -> None:
        """Say how long the answer is, and whether the connection goes on."""
        headers = self.headers
        if self.has_no_body():
            if headers.get("Content-Length") == "0":
                del headers["Content-Length"]
        elif "Content-Length" not in headers:
            self.set_content_length()
            if "Content-Length" not in headers:
                self.handler.close_connection = True  # its end is the end of the connection
        headers["Connection"] = "close" if self.handler.close_connection else "keep-alive"

    def write(self, data: bytes) -> None:
        """No more than was announced."""
        headers = self.headers
        announced = headers.get("Content-Length") if headers else None
        if self.status and self.has_no_body():
            data = b""
        elif announced and announced.isdigit():
            data = data[: max(0, int(announced) - self.bytes_sent)]
        super().write(data)

    def close(self) -> None:
        """The app has given all."""
        headers = self.headers
        announced = headers.get("Content-Length") if headers else None
        self.is_whole = self.has_no_body() or announced == str(self.bytes_sent)
        super().close()
