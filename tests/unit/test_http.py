"""`fetch` and `look` against a real server on loopback."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from scripts.errors import ConfigError, Unreachable
from scripts.http import LARGEST, FetchError, Look, Response, fetch, get_json, look
from scripts.system.secret import Secret
from tests.support.processes import wait_until
from tests.support.servers import Answer, Server, closed_port, serving, text

A = "a" * 40
STAMP = json.dumps({"commit": A, "environment": "staging", "schema": "7", "extra": 1})


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tester's proxy is not asked."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with a good stamp and a good page."""
    with serving() as running:
        running.answers = {"/version.json": text(STAMP), "/": text("hello")}
        yield running


def drips_head(server: Server) -> Answer:
    """A server whose header never ends: a byte each 50 ms."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        drip(server, handler)

    return answer


def drips_body(server: Server) -> Answer:
    """A server whose body never ends: a byte each 50 ms."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(503)
        handler.send_header("Retry-After", "7")
        handler.end_headers()
        drip(server, handler)

    return answer


def drip(server: Server, handler: BaseHTTPRequestHandler) -> None:
    """Write a byte each 50 ms until nobody reads; then note it in `asked`."""
    try:
        while not server.over.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        server.asked.append("hung up")


# ---------------------------------------------------------------------------------------- fetch


def test_a_whole_answer(server: Server) -> None:
    """Status, headers in any case, and the body come back; the body is marked as complete."""
    server.answers["/a"] = text("hello", 201, X_Kind="greeting")

    response = fetch(f"{server.url}/a", seconds=5, most_bytes=100)

    assert response == Response(201, response.headers, b"hello", complete=True)
    assert response.headers["x-kind"] == "greeting"


@pytest.mark.parametrize(
    ("most_bytes", "body", "complete"), [(5, b"hello", True), (4, b"hell", False), (0, b"", False)]
)
def test_a_body_is_cut_at_the_limit(server: Server, most_bytes: int, body: bytes, complete: bool) -> None:
    """More bytes than asked for are never returned, and the answer says that there were more."""
    server.answers["/a"] = text("hello")

    response = fetch(f"{server.url}/a", seconds=5, most_bytes=most_bytes)

    assert (response.body, response.complete) == (body, complete)


def test_the_limit_counts_unpacked_bytes(server: Server) -> None:
    """A packed body is measured by what it unpacks to."""
    server.answers["/a"] = text(gzip.compress(b" " * 1_000_000), Content_Encoding="gzip")

    response = fetch(f"{server.url}/a", seconds=5, most_bytes=1000)

    assert (response.body, response.complete) == (b" " * 1000, False)


def test_a_request_can_send_headers_and_a_body(server: Server) -> None:
    """A POST carries what the caller gave, and only its headers."""
    server.answers["/hook"] = text("ok")

    fetch(f"{server.url}/hook", seconds=5, most_bytes=9, method="POST", headers={"X-A": "1"}, body=b"{}")

    assert server.bodies == [("POST", b"{}")]
    assert server.headers[0]["X-A"] == "1"
    assert "Pragma" not in server.headers[0]


def test_a_redirect_is_returned(server: Server) -> None:
    """`fetch` follows no redirect: a network's sign-in page must not pass for the server."""
    server.answers |= {"/a": text("", 302, Location="/b"), "/b": text("hello")}

    response = fetch(f"{server.url}/a", seconds=5, most_bytes=9)

    assert (response.status, response.headers["Location"], server.asked) == (302, "/b", ["/a"])


@pytest.mark.parametrize(("dripping", "status"), [(drips_head, None), (drips_body, 503)])
def test_a_dripping_server_is_left_at_the_deadline(
    server: Server, dripping: Callable[[Server], Answer], status: int | None
) -> None:
    """The deadline is a total: bytes that keep coming don't extend it, and the connection is closed."""
    server.answers["/a"] = dripping(server)
    threads, started = threading.active_count(), time.monotonic()

    with pytest.raises(FetchError, match="timed out") as caught:
        fetch(f"{server.url}/a", seconds=0.3, most_bytes=1000)

    assert time.monotonic() - started < 0.8
    assert (caught.value.head.status if caught.value.head else None) == status
    assert wait_until(lambda: "hung up" in server.asked and threading.active_count() <= threads)


def test_the_head_of_a_late_body_is_known(server: Server) -> None:
    """A status that arrived counts even when the body does not."""
    server.answers["/a"] = drips_body(server)

    with pytest.raises(FetchError) as caught:
        fetch(f"{server.url}/a", seconds=0.2, most_bytes=1000)

    assert caught.value.head
    assert caught.value.head.headers["retry-after"] == "7"


def test_a_body_that_nobody_wants_is_not_waited_for(server: Server) -> None:
    """The caller decides by the head whether to read the body."""
    server.answers["/a"] = drips_body(server)

    response = fetch(f"{server.url}/a", seconds=5, most_bytes=9, wants_body=lambda head: head.status == 200)

    assert (response.status, response.body, response.complete) == (503, b"", False)


def test_a_connection_can_have_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that swallows packets is given up before the whole time is over."""
    timeouts: list[object] = []

    def connect(address: object, timeout: object, *_: object, **__: object) -> None:
        timeouts.append(timeout)
        raise TimeoutError

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with pytest.raises(FetchError, match="timed out"):
        fetch("http://198.51.100.1/", seconds=5, most_bytes=9, connect_seconds=2)

    assert timeouts == [2]


def test_a_listener_that_never_answers_is_left_at_the_deadline() -> None:
    """A port that accepts connections and says nothing costs no more than the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(FetchError, match="timed out"):
        fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", seconds=0.2, most_bytes=9)


@pytest.mark.parametrize(("seconds", "url"), [(0.0, "http://127.0.0.1:1/"), (5.0, "http://[oops")])
def test_what_can_not_be_asked_is_an_error(seconds: float, url: str) -> None:
    """No time left, or no URL: one kind of error for callers."""
    with pytest.raises(FetchError):
        fetch(url, seconds=seconds, most_bytes=9)


def test_a_dripping_proxy_is_left_at_the_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds through a proxy, whose connection is closed as well."""
    server.answers["http://app.invalid/"] = drips_body(server)
    monkeypatch.setenv("http_proxy", server.url)

    with pytest.raises(FetchError, match="timed out"):
        fetch("http://app.invalid/", seconds=0.3, most_bytes=1000)

    assert wait_until(lambda: "hung up" in server.asked)


# ---------------------------------------------------------------------------------------- look


def ask(server: Server, *pages: str, timeout: float = 5.0) -> Look:
    """One look at it."""
    return look(server.url, "/version.json", pages, timeout)


def test_a_good_answer(server: Server) -> None:
    """The texts of the stamp and the status of each page come back."""
    stamp = {"commit": A, "environment": "staging", "schema": "7"}

    assert Look(200, stamp, (("/", 200), ("/gone", 404)), None) == ask(server, "/", "/gone")


def test_a_slash_at_the_end_of_the_url_does_not_matter(server: Server) -> None:
    """The paths are those that were meant."""
    look(server.url + "/", "/version.json", ["/"], 5)

    assert {"/", "/version.json"} == set(server.asked)


def test_no_cache_is_asked_for(server: Server) -> None:
    """An old answer of a cache proves nothing."""
    ask(server, "/")

    assert {"no-cache"} == {headers["Cache-Control"] for headers in server.headers}


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"Date": "Tue, 01 Jan 2030 00:00:00 GMT"}, 1893456000.0),
        ({"Date": "Tue, 01 Jan 2030 00:00:00 GMT", "Age": "60"}, 1893456060.0),
        ({"Date": "soon"}, None),
        ({"Date": "Tue, 01 Jan 2030 00:00:00 GMT", "Age": "old"}, None),
        ({}, None),
    ],
)
def test_the_servers_clock_is_read(server: Server, headers: dict[str, str], at: float | None) -> None:
    """As its `Date` header tells it; a cache adds the age of what it kept."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        for name, value in {**headers, "Content-Length": "0"}.items():
            handler.send_header(name, value)
        handler.end_headers()

    server.answers["/version.json"] = answer

    assert ask(server).at == at


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "it is no JSON"),
        ("<html>", "it is no JSON"),
        (b"\xff\xfe\x00", "it is no JSON"),
        ("[]", "it is no JSON object"),
        ('"text"', "it is no JSON object"),
        ("{}", "it has no `commit` of 40 hex digits"),
        ('{"commit": 1}', "it has no `commit` of 40 hex digits"),
        (json.dumps({"commit": A[:12]}), "it has no `commit` of 40 hex digits"),
        (json.dumps({"commit": A.upper()}), "it has no `commit` of 40 hex digits"),
        (json.dumps({"commit": A + "\n"}), "it has no `commit` of 40 hex digits"),
        ("1" * 5000, "it is no JSON"),
        ("[" * 60_000, "it is no JSON"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_stamp_that_can_not_be_read_is_an_error(server: Server, body: str | bytes, error: str) -> None:
    """Whatever the server says instead of a stamp, the answer names what is wrong with it."""
    server.answers["/version.json"] = text(body)

    assert Look(200, {}, (), error) == ask(server)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 404, 500, 503])
def test_another_status_is_no_stamp(server: Server, status: int) -> None:
    """Only a 200 speaks for the release, even when the body looks right."""
    server.answers["/version.json"] = text("" if status == 204 else STAMP, status, Location="/")

    assert Look(status, {}, (), f"it answers {status}") == ask(server)


SHIELD = "https://replit.com/__replshield?redirect=https%3A%2F%2Fairhost-staging.replit.app%2F"


@pytest.mark.parametrize(
    ("status", "location", "sent", "error"),
    [
        (307, SHIELD, {}, "it asks for a log-in: the app is private"),
        (302, "https://replit.com/login?goto=x", {}, "it asks for a log-in: the app is private"),
        (307, SHIELD, {"Authorization": "Bearer t"}, "it refuses the access token"),
        (401, "", {"Authorization": "Bearer t"}, "it refuses the access token"),
        (401, "", {}, None),
        (302, "/login", {}, None),  # the app's own
        (302, "https://www.example.org/", {}, None),
        (200, "", {"Authorization": "Bearer t"}, None),
    ],
)
def test_a_log_in_is_named(
    server: Server, status: int, location: str, sent: dict[str, str], error: str | None
) -> None:
    """Replit sends visitors of a private app to its shield; an answer of the app's own is none."""
    more = {"location": location} if location else {}
    server.answers["/version.json"] = text(STAMP if status == 200 else "no", status, **more)
    seen = look(server.url, "/version.json", [], 5, lambda _url: sent)

    assert (seen.login, seen.status) == (error is not None, status)
    assert error in (None, seen.error)


def test_a_page_that_fails_has_its_status(server: Server) -> None:
    """A front page that answers 500 beside a good stamp is seen."""
    server.answers["/"] = text("oops", 500)

    assert ask(server, "/").pages == (("/", 500),)


def test_a_huge_body_is_read_in_part_only(server: Server) -> None:
    """A stamp that never ends costs neither memory nor time."""
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while not server.over.is_set():
            sent += handler.wfile.write(b"x" * 65_536)

    server.answers["/version.json"] = server.answers["/"] = endless
    started = time.monotonic()

    assert Look(200, {}, (("/", 200),), "it is no JSON") == ask(server, "/")
    assert time.monotonic() - started < 3
    assert sent < 400 * LARGEST


def test_a_packed_bomb_is_unpacked_in_part_only(server: Server) -> None:
    """A small body that unpacks to a hundred megabytes stays small."""
    server.answers["/version.json"] = text(gzip.compress(b" " * 100_000_000), Content_Encoding="gzip")
    started = time.monotonic()

    assert Look(200, {}, (), "it is no JSON") == ask(server)
    assert time.monotonic() - started < 3


def test_a_broken_packing_is_an_error(server: Server) -> None:
    """A body that says that it is packed and is not ends in no traceback."""
    server.answers["/version.json"] = text(STAMP, Content_Encoding="gzip")

    found = ask(server)

    assert (found.stamp, bool(found.error)) == ({}, True)


def test_a_body_that_breaks_off_is_an_error(server: Server) -> None:
    """A connection that dies in the middle of the stamp ends in no traceback."""

    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(STAMP[:20].encode())

    server.answers["/version.json"] = half

    found = ask(server)

    assert (found.stamp, bool(found.error)) == ({}, True)


def test_a_chunk_that_is_none_is_an_error(server: Server) -> None:
    """A broken chunked body ends in no traceback."""

    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"zz\r\nnot a chunk")

    server.answers["/version.json"] = broken

    found = ask(server)

    assert (found.stamp, bool(found.error)) == ({}, True)


# ---------------------------------------------------------------------------------------- redirects


def test_a_redirect_on_the_same_host_is_followed(server: Server) -> None:
    """A front page that leads to the login works if the login does."""
    server.answers |= {"/": text("", 302, Location="/login"), "/login": text("hello")}

    assert ask(server, "/").pages == (("/", 200),)


def test_a_redirect_to_another_host_is_not_followed(server: Server) -> None:
    """Another host is not asked, and its answer proves nothing."""
    with serving() as other:
        other.answers["/"] = text("hello")
        for path, location in (("/", other.url + "/"), ("/2", f"//127.0.0.1:{other.server_address[1]}/")):
            server.answers[path] = text("", 302, Location=location)

        assert ask(server, "/", "/2").pages == (("/", 302), ("/2", 302))
        assert other.asked == []


def test_a_redirect_loop_is_no_page_that_works(server: Server) -> None:
    """A page that leads to itself is given up."""
    server.answers["/"] = text("", 302, Location="/")

    assert ask(server, "/").pages == (("/", 310),)
    assert len(server.asked) < 6


@pytest.mark.parametrize(
    "location", ["http://[oops", "http://[::1/", "", "javascript:alert(1)", "http://a:b/"]
)
def test_a_redirect_to_nowhere_is_no_page_that_works(server: Server, location: str) -> None:
    """A broken `Location` ends in no traceback."""
    server.answers["/"] = text("", 302, Location=location)

    ((path, status),) = ask(server, "/").pages

    assert path == "/"
    assert status is None or status >= 300


# ---------------------------------------------------------------------------------------- nobody, slowly


def test_nobody_listens() -> None:
    """Without a server there is no status: what is live can't be told."""
    url = f"http://127.0.0.1:{closed_port()}"

    assert Look(None, {}, (("/", None),), "can't connect") == look(url, "/version.json", ["/"], 5)


def test_a_name_that_is_not_there() -> None:
    """A host name without an address is silence as well."""
    assert Look(None, {}, (), "can't connect") == look("http://no.invalid", "/version.json", [], 5)


def test_a_server_that_says_nothing_times_out(server: Server) -> None:
    """An answer that does not come in time is none."""

    def silent(_: BaseHTTPRequestHandler) -> None:
        server.over.wait(20)

    server.answers["/version.json"] = server.answers["/"] = silent
    started = time.monotonic()

    assert Look(None, {}, (("/", None),), "timed out") == ask(server, "/", timeout=0.3)
    assert time.monotonic() - started < 3


def test_a_body_that_stops_times_out(server: Server) -> None:
    """A stamp of which only the head comes in time is an error, not a traceback."""

    def stalls(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.flush()
        server.over.wait(20)

    server.answers["/version.json"] = stalls
    started = time.monotonic()

    found = ask(server, timeout=0.3)

    assert (found.stamp, bool(found.error)) == ({}, True)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("path", ["/version.json", "/"])
def test_a_server_that_drips_times_out(server: Server, path: str) -> None:
    """One byte now and then does not keep a look going for ever."""

    def drips(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline and not server.over.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    server.answers[path] = drips
    started = time.monotonic()

    ask(server, "/", timeout=0.5)

    assert time.monotonic() - started < 1.5


def test_stamp_and_pages_are_asked_side_by_side(server: Server) -> None:
    """Four slow answers take the time of one."""

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.4)
        text(STAMP)(handler)

    server.answers = dict.fromkeys(("/version.json", "/", "/a", "/b"), slow)
    started = time.monotonic()

    assert ask(server, "/", "/a", "/b").pages == (("/", 200), ("/a", 200), ("/b", 200))
    assert time.monotonic() - started < 1.1


def test_a_certificate_that_nobody_knows_is_named(server: Server) -> None:
    """TLS that fails is silence with its reason."""
    found = look(server.url.replace("http:", "https:"), "/version.json", [], 5)

    assert (found.status, found.stamp) == (None, {})
    assert found.error in ("its certificate is not trusted", "can't connect")


# ---------------------------------------------------------------------------------------- APIs

TOKEN = Secret("token-of-an-api")


def test_an_api_gets_the_token_and_gives_a_document(server: Server) -> None:
    """With its status and headers, and the headers that were asked for."""
    server.answers["/x"] = text('{"a": [1]}')

    status, document, headers = get_json(f"{server.url}/x", TOKEN, 5, {"Accept": "application/other"})

    assert (status, document) == (200, {"a": [1]})
    assert headers["Content-Length"] == "10"
    assert server.headers[0]["Authorization"] == "Bearer token-of-an-api"
    assert server.headers[0]["Accept"] == "application/other"


def test_an_answer_that_is_not_good_has_a_status_and_perhaps_no_document(server: Server) -> None:
    """A proxy's page of HTML says that much."""
    assert get_json(f"{server.url}/none", TOKEN, 5)[:2] == (404, None)


def test_a_good_answer_that_is_no_json_is_none(server: Server) -> None:
    """A login page, for one."""
    server.answers["/x"] = text("<html>")

    with pytest.raises(Unreachable, match="gave no JSON"):
        get_json(f"{server.url}/x", TOKEN, 5)


def test_an_api_that_gives_no_answer_is_unreachable() -> None:
    """Nobody listens."""
    with pytest.raises(Unreachable, match="gave no answer"):
        get_json(f"http://127.0.0.1:{closed_port()}/x", TOKEN, 5)


@pytest.mark.parametrize("url", ["http://api.example.org/x", "ftp://127.0.0.2/x", "api.example.org"])
def test_a_token_never_travels_unencrypted(url: str) -> None:
    """Only to this machine."""
    with pytest.raises(ConfigError, match="unencrypted"):
        get_json(url, TOKEN, 5)
