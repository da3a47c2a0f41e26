"""Apps in Python: by the helper `launcher_serve.py`, and an ASGI app behind the launcher's own port."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.replit.launcher.child import Spawn, kill_group, start_process
from scripts.replit.launcher_bundle import helper
from tests.integration.launcher.test_load import releases_under_load
from tests.integration.launcher.world import DEADLINE, free_port, world

STAMP = 'import json, os\nCOMMIT = json.load(open("public/version.json"))["commit"]\n'
WSGI = f"""\
{STAMP}
from launcher_serve import serve

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [COMMIT.encode()]

serve(app, int(os.environ["PORT"]))
"""
HANDLER = f"""\
{STAMP}
from http.server import BaseHTTPRequestHandler
from launcher_serve import serve

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(COMMIT)))
        self.end_headers()
        self.wfile.write(COMMIT.encode())
    def log_message(self, *_):
        pass

serve(Handler, int(os.environ["PORT"]))
"""
ASGI = f"""\
{STAMP}
import uvicorn

async def app(scope, receive, send):
    if scope["type"] == "http":
        body = COMMIT.encode()
        length = [(b"content-length", str(len(body)).encode())]
        await send({{"type": "http.response.start", "status": 200, "headers": length}})
        await send({{"type": "http.response.body", "body": body}})

uvicorn.run(app, port=int(os.environ["PORT"]), lifespan="off", log_level="warning")
"""
ALONE = """\
import os
from launcher_serve import serve

def app(environ, start_response):
    path, start = environ["PATH_INFO"], lambda *fields: start_response("200 OK", list(fields))
    if path == "/broken":
        raise ValueError("the reason")
    if path == "/long":
        start(("Content-Length", "3"))
        return [b"abcdef"]
    if path == "/short":
        start(("Content-Length", "9"))
        return [b"abc"]
    if path == "/stream":
        start()
        return iter([b"a", b"b"])
    if path == "/unread":
        start()
        return [b"unread"]
    start()
    return [environ["REQUEST_METHOD"].encode() + b" " + environ["wsgi.input"].read()]

serve(app, int(os.environ["PORT"]), "127.0.0.1")
"""


@pytest.mark.parametrize("server", [WSGI, HANDLER], ids=["wsgi", "http.server"])
def test_releases_of_an_app_under_load(tmp_path: Path, server: str) -> None:
    """On open and on new connections none is refused, and none is answered by an older release."""
    files = {"server.py": server, "launcher_serve.py": helper("launcher_serve.py")}
    files["build.sh"] = "mkdir -p public\n"
    with world(tmp_path, config={"run": [sys.executable, "server.py"]}, files=files) as app:
        app.want(app.commit())
        app.start()
        app.until_live(app.commits[0])

        visitors, _ = releases_under_load(app, releases=2, ways_back=1, least=1_000)

        assert visitors.failures == []
        assert app.status()["warm"] == [app.commits[-1]]
        assert app.get("/-/release")[0] == 404


def test_releases_of_an_asgi_app_behind_a_port_of_its_own(tmp_path: Path) -> None:
    """Uvicorn knows nothing of the launcher."""
    pytest.importorskip("uvicorn")
    files = {"server.py": ASGI, "build.sh": "mkdir -p public\n"}
    config = {"run": [sys.executable, "server.py"], "socket": "proxy"}
    with world(tmp_path, config=config, files=files) as app:
        app.want(app.commit())
        app.start()
        app.until_live(app.commits[0])

        visitors, _ = releases_under_load(app, releases=2, ways_back=1, least=1_000)

        assert visitors.failures == []


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to an app that runs without the launcher."""
    (tmp_path / "server.py").write_text(ALONE)
    (tmp_path / "launcher_serve.py").write_text(helper("launcher_serve.py"))
    port = free_port()
    python = os.environ.get("DESK_LAUNCHER_PYTHON") or sys.executable
    with subprocess.Popen(
        [python, "server.py"], cwd=tmp_path, env={"PORT": str(port)}, stderr=subprocess.DEVNULL
    ) as process:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        deadline = time.monotonic() + DEADLINE
        while connection.sock is None:
            try:
                connection.connect()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield connection
        connection.close()
        process.kill()


def ask(
    on: http.client.HTTPConnection, path: str, method: str = "GET", body: bytes | None = None
) -> tuple[int, bytes, bool]:
    """The status and body of an answer, and whether the connection goes on."""
    on.request(method, path, body)
    answer = on.getresponse()
    return answer.status, answer.read(), on.sock is not None


def test_each_answer_ends_where_it_says(alone: http.client.HTTPConnection) -> None:
    """On one connection; where that can't be told, the connection ends."""
    assert ask(alone, "/", "POST", b"body") == (200, b"POST body", True)
    assert ask(alone, "/unread", "PUT", b"x" * 200_000) == (200, b"unread", True)
    assert ask(alone, "/", "HEAD") == (200, b"", True)
    assert ask(alone, "/long") == (200, b"abc", True)
    assert ask(alone, "/") == (200, b"GET ", True)
    assert ask(alone, "/stream") == (200, b"ab", False)
    assert ask(alone, "/broken")[0] == 500
    with pytest.raises(http.client.IncompleteRead):
        ask(alone, "/short")


def started(folder: Path, listening: socket.socket, name: str) -> tuple[socket.socket, int]:
    """A release as the launcher starts it: its control socket, and its process."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    variables = {"PORT": name, "RELEASE_SOCKET": str(folder / name), "RELEASE_CONTROL": "4"}
    env = {**variables, "RELEASE_STATUS": str(folder / "status")}
    fds = (listening.fileno(), theirs.fileno())
    with (folder / "output").open("ab") as out, theirs:
        what = Spawn([sys.executable, "server.py"], folder, env, fds, 1)
        pid = start_process(what, out.fileno(), out.fileno())
    deadline = time.monotonic() + DEADLINE
    while not (folder / name).exists():
        assert time.monotonic() < deadline, (folder / "output").read_text()
        time.sleep(0.02)
    return ours, pid


def tell(control: socket.socket, words: str) -> None:
    """Say a word, and wait until it is done."""
    control.sendall(f"{words}\n".encode())
    assert control.recv(100).decode().split() == words.split()[:1]


def test_a_request_that_was_held_goes_to_the_next_release(tmp_path: Path) -> None:
    """With its body; the connection is closed then. Without the launcher the process ends."""
    (tmp_path / "server.py").write_text(ALONE.replace('b" " +', 'os.environ["PORT"].encode() +'))
    (tmp_path / "launcher_serve.py").write_text(helper("launcher_serve.py"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        (before, old), (after, new) = (started(tmp_path, listening, name) for name in ("1", "2"))
        try:
            on = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=30)
            tell(before, "accept")
            assert ask(on, "/") == (200, b"GET1", True)
            tell(before, "hold")
            on.request("POST", "/", b"x" * 300_000)
            assert on.sock
            on.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                on.sock.recv(1, socket.MSG_PEEK)
            on.sock.settimeout(30)
            tell(after, "accept")
            tell(before, f"forward {tmp_path / '2'}")
            answer = on.getresponse()
            assert (answer.read(), on.sock) == (b"POST2" + b"x" * 300_000, None)

            assert ask(on, "/") == (200, b"GET2", True)
            assert ask(on, "/-/release?x")[0] == 503  # there is no launcher to answer it
            on.close()
            assert ask(on, "/") == (200, b"GET2", True)
            tell(after, "close")
            assert on.sock
            assert on.sock.recv(1) == b""
            on.close()
            for control, pid in ((before, old), (after, new)):
                control.close()
                assert os.waitpid(pid, 0)[1] == 256
        finally:
            for pid in (old, new):
                kill_group(pid)


def said(port: int, text: bytes) -> bytes:
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as visitor:
        visitor.sendall(text)
        return b"".join(iter(lambda: visitor.recv(65_536), b""))


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("Transfer-Encoding: chunked", b"411"),
        ("Content-Length: -1", b"400"),
        ("Content-Length: 1\r\nContent-Length: 2", b"400"),
    ],
)
def test_a_body_whose_end_is_unclear_is_refused(
    alone: http.client.HTTPConnection, field: str, status: bytes
) -> None:
    """What follows it might be taken for another request."""
    answer = said(
        alone.port, f"POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\nGET / HTTP/1.1\r\n\r\n".encode()
    )

    assert answer.split(b" ")[1] == status
    assert answer.count(b"HTTP/1.1 ") == 1
