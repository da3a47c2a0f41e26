"""A static site on the wire: many visitors, slow ones, wrong ones, and a release that changes meanwhile."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.launcher.visitors import Visitors, wrong_answers
from tests.integration.launcher.world import World, world

BUILD = """\
mkdir -p dist/assets
printf %s "$RELEASE_COMMIT" >dist/index.html
cp number "dist/assets/app-$(cat number)abcdefgh.js"
head -c 60000 /dev/zero >dist/middle.txt
head -c 3000000 /dev/zero | tr '\\0' "$(tail -c 1 number)" >dist/large.bin
"""
CONFIG = {"run": None, "static": "dist", "health": "/", "drain_seconds": 1}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A site whose first release is live."""
    with world(tmp_path_factory.mktemp("site"), config=CONFIG, files={"build.sh": BUILD}) as made:
        made.want(made.commit())
        made.start()
        made.until_live(made.commits[0])
        yield made


def exchange(app: World, sent: bytes) -> bytes:
    """All that the server says until it ends the connection."""
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3, [b"200"] * 3),
        (b"GET / HTTP/1.0\r\n\r\n", [b"200"]),
        (
            b"GET /nothing.js HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            [b"404", b"200"],
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcdeGET / HTTP/1.1\r\n\r\n", [b"405"]),
        (b"rubbish\r\n\r\n", [b"400"]),
        (b"GET / HTTP/9.9\r\n\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000, [b"431"]),
        (b"GET /-/release HTTP/1.1\r\n\r\n", [b"404"]),
        (b"", []),
    ],
)
def test_requests_on_the_wire(site: World, sent: bytes, said: list[bytes]) -> None:
    """Several in one piece, old ones, wrong ones: each is answered in turn, or ends the connection."""
    answered = exchange(site, sent)

    assert [part[:3] for part in answered.split(b"HTTP/1.1 ")[1:]] == said


def test_a_request_that_comes_byte_by_byte(site: World) -> None:
    """It is put together."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        for byte in b"GET /version.json HTTP/1.1\r\nConnection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        answered = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["commit"] in site.commits


def test_releases_while_visitors_come(site: World) -> None:
    """No request is lost, a download that began before is whole, and old pages keep their files."""
    first = site.commits[-1]
    number = len(site.commits) - 1
    moves = [(time.monotonic(), first)]
    with Visitors(site.port, keeping=5, coming=5) as visitors:
        slow = threading.Thread(target=lambda: downloads.append(download_slowly(site, started)))
        downloads: list[bytes] = []
        started = threading.Event()
        slow.start()
        started.wait(30)
        for _ in range(2):
            commit = site.commit()
            moves.append((time.monotonic(), commit))
            site.want(commit)
            site.poke()
            site.until_live(commit)
            assert site.get(f"/assets/app-{number:03}abcdefgh.js")[0] == 200
            number += 1
        moves.append((time.monotonic(), site.commits[-2]))
        site.want(site.commits[-2])
        site.poke()
        site.until_live(site.commits[-2])
        site.until(lambda: len(visitors.answers) > 500, "enough requests")
        slow.join(60)

    assert visitors.failures == []
    assert wrong_answers(visitors.answers, moves) == []
    head, _, body = downloads[0].partition(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert (len(body), len(set(body))) == (3_000_000, 1)


def download_slowly(app: World, started: threading.Event) -> bytes:
    """A large file, over longer than a release takes."""
    data = b""
    with socket.create_connection(("127.0.0.1", app.port), timeout=60) as connection:
        connection.sendall(b"GET /large.bin HTTP/1.1\r\nConnection: close\r\n\r\n")
        while piece := connection.recv(20_000):
            data += piece
            started.set()
            time.sleep(0.005)
    return data


def test_the_plain_case_of_everything_else(site: World, tmp_path: Path) -> None:
    """The report names what is live, and the server's process knows none of the app's secrets."""
    assert site.status()["live"] == site.commits[-2]
    servers = [pid for pid, line in site.processes().items() if line.split()[-1] == "serve"]

    assert servers
    assert all(b"SESSION_SECRET" not in Path(f"/proc/{pid}/environ").read_bytes() for pid in servers)


def test_an_answer_that_does_not_fit_at_once(site: World) -> None:
    """Each of many visitors who come for one request, and read late, gets the whole of it."""
    request = b"GET /middle.txt HTTP/1.1\r\nConnection: close\r\n\r\n"
    for _ in range(3):  # the second time the answer is known
        waiting = []
        for _ in range(5):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", site.port))
            connection.sendall(request)
            waiting.append(connection)
        for connection in waiting:
            with connection:
                answered = b"".join(iter(lambda c=connection: c.recv(1_000), b""))  # type: ignore[misc]
            assert len(answered.partition(b"\r\n\r\n")[2]) == 60_000
