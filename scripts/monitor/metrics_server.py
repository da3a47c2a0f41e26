"""`monitor.watch --metrics [HOST:]PORT`: the figures of the last pass, for Prometheus, at `/metrics`."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripts.errors import CommandFailed, UsageError
from scripts.monitor.metrics import CONTENT_TYPE

LOOPBACK = "127.0.0.1"
PLACE = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):)?([0-9]{1,5})")
POLL = 0.1  # seconds until the server sees that it is to end
MOST_READERS, SECONDS = 8, 10.0  # at the same time, and for a whole exchange: nobody can hold the watch up


def place_of(text: str) -> tuple[str, int]:
    """Host and port of `9464`, `0.0.0.0:9464`, `[::1]:9464`.

    Raises:
        Refused: it is none of them.
    """
    match = PLACE.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise UsageError(
            f"`{text}` is no port, and no `HOST:PORT`", "`invoke monitor.watch --metrics 9464`"
        )
    return (match[1] or LOOPBACK).strip("[]"), int(match[2])


class MetricsServer(ThreadingHTTPServer):
    """Answers with `text`, which each pass sets anew; before the first pass with 503."""

    daemon_threads = True
    block_on_close = False
    text = ""

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._places = threading.BoundedSemaphore(MOST_READERS)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """One more reader, if there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One exchange, which ends in time also with a client that drips."""
        end = threading.Timer(SECONDS, _close, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away is no news."""


def _close(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = SECONDS
    server_version, sys_version = "release-desk", ""

    def do_GET(self) -> None:
        """`/metrics`, and nothing else."""
        if self.path.partition("?")[0] != "/metrics":
            self._answer(404, "text/plain; charset=utf-8", "the figures are at /metrics\n")
        elif not self.server.text:
            self._answer(503, "text/plain; charset=utf-8", "the first pass is not over yet\n")
        else:
            self._answer(200, CONTENT_TYPE, self.server.text)

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_said: Any) -> None:
        """Nothing: what a client sends does not belong into our output."""


@contextmanager
def serving(where: str) -> Iterator[MetricsServer | None]:
    """The server for the time of a watch; None where none is asked for.

    Raises:
        Refused: it is no place.
        CommandFailed: the port can't be had.
    """
    if not where:
        yield None
        return
    host, port = place_of(where)
    try:
        server = MetricsServer(host, port)
    except OSError as fault:
        raise CommandFailed(
            f"`--metrics {where}`: the port can't be opened: {fault.strerror}", "another port"
        ) from None
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
