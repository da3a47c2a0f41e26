"""A real webhook on loopback, whose answers a test writes; and a clock that passes when somebody sleeps."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from scripts.sandbox.hang_ups import StandInServer
from scripts.system.secret import Secret

Reply = tuple[int, dict[str, str], str]
OK: Reply = (200, {}, "ok")


class Webhook(StandInServer):
    """Gives the replies of the list, then `ok`; None hangs up, a number waits that many seconds first."""

    def __init__(self, replies: Sequence[Reply | float | None]) -> None:
        super().__init__(("127.0.0.1", 0), Poster)
        self.replies = list(replies)
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.heads: list[dict[str, str]] = []
        self.path = "/services/T0/B0/a-token-of-this-webhook"

    @property
    def url(self) -> Secret:
        """Where it takes posts."""
        return Secret(f"http://127.0.0.1:{self.server_address[1]}{self.path}")


class Poster(BaseHTTPRequestHandler):
    """Looks the reply up."""

    server: Webhook

    def do_POST(self) -> None:
        """Answer one post."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        self.server.heads.append(dict(self.headers))
        reply = self.server.replies.pop(0) if self.server.replies else OK
        if reply is None:
            self.close_connection = True
            return
        if isinstance(reply, int | float):
            time.sleep(reply)
            reply = OK
        status, headers, text = reply
        if status < 300:
            self.server.taken.append(json.loads(body))
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204 and "Content-Length" not in headers:
                self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextlib.contextmanager
def webhook(*replies: Reply | float | None) -> Iterator[Webhook]:
    """A webhook for the time of a test."""
    server = Webhook(replies)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    time: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(seconds)
        self.time += seconds
