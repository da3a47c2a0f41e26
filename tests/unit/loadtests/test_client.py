"""The journeys' client, against a real server that answers as servers do, and as they should not."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from tests.unit.loadtests.modules import load

client = load("client")
Play = Callable[
    [int, int, bytes], bytes | None
]  # connection, request on it, request -> answer; None: close
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A server of raw bytes.

    Args:
        pause: seconds between two bytes of an answer; 0: all at once.
    """

    def __init__(self, play: Play, pause: float) -> None:
        self.play, self.pause = play, pause
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Until the listener is closed."""
        with suppress(OSError):
            for number in itertools.count():
                connection, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(connection, number), daemon=True).start()

    def talk(self, connection: socket.socket, number: int) -> None:
        """One connection."""
        with closing(connection), suppress(OSError):
            for count in itertools.count():
                request = connection.recv(65536)
                self.asked += [request] if request else []
                answer = self.play(number, count, request) if request else None
                if answer is None:
                    return
                self.send(connection, answer)
                if b"Connection: close" in answer:
                    return

    def send(self, connection: socket.socket, answer: bytes) -> None:
        """At once, or byte by byte."""
        size = 1 if self.pause else max(1, len(answer))
        for at in range(0, len(answer), size):
            connection.sendall(answer[at : at + size])
            time.sleep(self.pause)


@contextmanager
def served(play: Play, pause: float = 0.0) -> Iterator[Server]:
    """A server, and an end of what the test opened."""
    server = Server(play, pause)
    threading.Thread(target=server.serve, daemon=True).start()
    with closing(server.listener):
        yield server
        server.listener.shutdown(socket.SHUT_RDWR)
    for each in VISITORS:
        each.close()
    VISITORS.clear()


VISITORS: list[Any] = []


def visitor(server: Server, timeout: float = 5.0) -> Any:
    """A visitor of that server."""
    VISITORS.append(client.Client(server.url, timeout, lambda: None))
    return VISITORS[-1]


def answered(fields: str, body: bytes, *, length: bool = True) -> bytes:
    """An answer of these bytes."""
    size = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 200 OK\r\n{fields}{size}\r\n".encode() + body


def test_a_connection_is_kept() -> None:
    """Three requests on one; another visitor has one of his own."""
    with served(lambda number, count, _: answered(f"X-At: {number}.{count}\r\n", b"ok")) as server:
        one, other = visitor(server), visitor(server)
        seen = [each.request("GET", "/").headers["x-at"] for each in (one, one, other, one)]

    assert seen == ["0.0", "0.1", "1.0", "0.2"]


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (answered("Content-Encoding: gzip\r\n", gzip.compress(b"page")), b"page"),
        (answered("Content-Encoding: deflate\r\n", zlib.compress(b"page")), b"page"),
        (answered("Connection: close\r\n", b"to the end", length=False), b"to the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npage\r\n0\r\n\r\n", b"page"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\nX-Empty:\r\nX-Y: z\r\nConnection: close\r\n\r\nold", b"old"),
    ],
    ids=["gzip", "deflate", "until the end", "chunked", "early hints", "no content", "HTTP/1.0"],
)
@pytest.mark.parametrize("pause", [0.0, 0.0001], ids=["at once", "byte by byte"])
def test_an_answer_is_read_whole(raw: bytes, content: bytes, pause: float) -> None:
    """However it is sent; the next one is not mixed up with it."""
    with served(lambda *_: raw, pause) as server:
        one = visitor(server)
        assert [one.request("GET", "/").content for _ in range(2)] == [content] * 2


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "TimeoutError|timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf", "ConnectionResetError"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "HTTPParseError"),
        (answered("Content-Encoding: gzip\r\n", b"not gzip"), "error"),
    ],
    ids=["silence", "half", "no HTTP", "damaged"],
)
def test_what_is_no_answer_is_told(raw: bytes, fault: str) -> None:
    """By its kind; the connection is not used again."""
    with served(lambda number, *_: raw if not number else OK) as server:
        one = visitor(server, timeout=0.3)
        with pytest.raises(client.NoAnswer, match=fault):
            one.request("GET", "/")
        assert one.request("GET", "/").content == b"ok"


def test_an_answer_that_never_ends_has_a_limit() -> None:
    """Each byte comes in time, and the whole does not."""
    slow = answered("", b"x" * 5000)
    with served(lambda *_: slow, 0.005) as server, pytest.raises(client.NoAnswer, match="TimeoutError"):
        visitor(server, timeout=0.2).request("GET", "/")


def test_a_connection_that_the_server_has_closed_is_replaced() -> None:
    """A booking, too, is sent on a new one: it can't have arrived on the old one."""
    with served(lambda _, count, __: OK if not count else None) as server:
        one = visitor(server)
        one.request("GET", "/")
        assert one.request("GET", "/again").content == b"ok"
        with pytest.raises(client.NoAnswer, match="Connection"):
            one.request("POST", "/api/bookings", json={})  # it may have arrived: it is not sent twice

    assert [request.split()[0] for request in server.asked] == [b"GET", b"GET", b"GET", b"POST"]


def test_cookies_go_back_to_their_host() -> None:
    """Until they are taken back."""
    fields = iter(["Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n", "Set-Cookie: a=; Max-Age=0\r\n", ""])
    with served(lambda *_: answered(next(fields), b"ok")) as server:
        one = visitor(server)
        for _ in range(3):
            one.request("GET", "/")

    sent = [[line for line in each.split(b"\r\n") if line.startswith(b"Cookie")] for each in server.asked]
    assert sent == [[], [b"Cookie: a=1; b=2"], [b"Cookie: b=2"]]


def test_what_is_sent() -> None:
    """Path, host, length; no line break gets into a header, and nothing of a path is lost."""
    with served(lambda _, __, asked: OK[:-2] if asked.startswith(b"HEAD") else OK) as server:
        one = visitor(server)
        one.request("POST", "/a b?q=ö&x=%20", json={"name": "é"}, headers={"apikey": "k"})
        with pytest.raises(client.NoAnswer, match="line break"):
            one.request("GET", "/", headers={"apikey": "k\r\nX-Evil: 1"})
        assert one.request("HEAD", "/").status_code == 200

    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b?q=%C3%B6&x=%20 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert {b"apikey: k", b"Content-Type: application/json", b"Content-Length: 18"} <= set(
        head.split(b"\r\n")
    )
    assert body == b'{"name": "\\u00e9"}'


def test_a_request_is_reported_with_its_time_from_when_it_was_due() -> None:
    """To Locust's event, on which the recorder listens."""
    told: list[dict[str, Any]] = []
    one = client.Client("http://127.0.0.1:9", 1.0, lambda: None, lambda **more: told.append(more))
    one.report("GET", "home", time.perf_counter() - 2, None, ValueError("no"))

    assert told[0]["response_time"] >= 2000
    assert (told[0]["name"], str(told[0]["exception"])) == ("home", "no")
