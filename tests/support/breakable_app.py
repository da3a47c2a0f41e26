"""A STAND-IN for an app and its Supabase: `python -m tests.support.breakable_app FOLDER PORT CERTIFICATE`.

A TLS server, a process of its own that can be killed. How it behaves is in `FOLDER/behave.json`, read for
each request: `commit`; `status` and `delay` (seconds) of its pages; `rows` of `/rest/v1/homes`.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.sandbox.hang_ups import StandInServer


class Pages(BaseHTTPRequestHandler):
    """Answers as it is told to."""

    folder: Path

    def do_GET(self) -> None:
        """Answer one request."""
        how: dict[str, Any] = json.loads((self.folder / "behave.json").read_text())
        path, status = urlsplit(self.path).path, 200
        body: Any = "hello"
        if path == "/version.json":
            body = {"commit": how["commit"], "environment": "production"}
        elif path == "/rest/v1/homes":
            body = how.get("rows", [{"id": 1}])
        elif not path.startswith(("/rest/", "/auth/")):
            status = how.get("status", 200)
            time.sleep(how.get("delay", 0))
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class Secured(StandInServer):
    """Each handshake in the thread of its request: one that fails ends nothing else."""

    def __init__(self, port: int, certificate: str) -> None:
        super().__init__(("127.0.0.1", port), Pages)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Wrap, then answer."""
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


if __name__ == "__main__":
    Pages.folder = Path(sys.argv[1])
    Secured(int(sys.argv[2]), sys.argv[3]).serve_forever()
