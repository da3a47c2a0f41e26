"""`git http-backend` behind a real HTTP server on loopback, which says what git asked of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.servers import Server, serving

SETTINGS = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "http.receivepack",
    "GIT_CONFIG_VALUE_0": "true",
}


@contextmanager
def git_over_http(repository: Path) -> Iterator[tuple[str, Server]]:
    """The address of a bare repository, and the server: `asked` has its requests."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _answer(handler, repository.parent, handler.server.bodies[-1][1])  # type: ignore[attr-defined]

    with serving() as server:
        for service in ("git-upload-pack", "git-receive-pack"):
            for path in (f"info/refs?service={service}", service):
                server.answers[f"/{repository.name}/{path}"] = answer
        yield f"{server.url}/{repository.name}", server


def _answer(handler: BaseHTTPRequestHandler, root: Path, body: bytes) -> None:
    status, fields, rest = backend(handler, root, body)
    handler.send_response(status)
    for name, value in fields.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(rest)


def backend(handler: BaseHTTPRequestHandler, root: Path, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """What `git http-backend` says to a request for a repository in `root`: status, headers, body."""
    path, _, query = handler.path.partition("?")
    said = {
        "REQUEST_METHOD": handler.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": "desk",
    }
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SETTINGS, **said}
    done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(fields.pop("Status", "200").split()[0]), fields, rest
