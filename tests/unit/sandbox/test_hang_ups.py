"""What a stand-in prints when something goes wrong with a request."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from scripts.sandbox.hang_ups import StandInServer

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: the end of the connection is a reset
LARGE = b"x" * 10_000_000


def said(answer: Callable[[BaseHTTPRequestHandler], None], capsys: pytest.CaptureFixture[str]) -> str:
    """What the server prints of one request, whose client hangs up after the first bytes of the answer."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    class Server(StandInServer):
        def handle_error(self, request: object, client_address: object) -> None:
            super().handle_error(request, client_address)
            over.set()

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with socket.create_connection(server.server_address[:2]) as client:  # type: ignore[arg-type]
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            client.recv(10)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert over.wait(10)
        server.shutdown()
    return capsys.readouterr().err


def test_a_client_who_hangs_up_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    """It is reset in the middle of an answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(LARGE)

    assert said(answer, capsys) == ""


def test_a_fault_of_its_own_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Else a test would wait for an answer, and nobody knew why none comes."""

    def answer(_handler: BaseHTTPRequestHandler) -> None:
        raise KeyError("no such table")

    told = said(answer, capsys)

    assert "Exception occurred during processing of request" in told
    assert "no such table" in told
