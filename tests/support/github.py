"""A stand-in for GitHub's REST API: the documented paths of one repository, and who asked for what."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
MISSING = 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


@dataclass
class Hub:
    """Answers by path below `/repos/o/r`; anything else is 404, a wrong token 401."""

    url: str
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    scopes: str = "repo"


@contextmanager
def serving(repository: str = "o/r") -> Iterator[Hub]:
    """A server on loopback for the time of a test."""
    hub = Hub("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix(f"/repos/{repository}")
            hub.asked.append(path)
            status, document = hub.answers.get(path, MISSING)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, document = 401, {"message": "Bad credentials"}
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("X-OAuth-Scopes", hub.scopes)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield hub
        server.shutdown()
