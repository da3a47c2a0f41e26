"""The door to URLs: `fetch` limits a read in seconds and bytes; `look` asks a public URL what it is.

The time-outs of `requests` count from byte to byte, so a server that drips its answer could hold a
reader for ever. `fetch` waits for the whole answer, and closes the connection when the time is over.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from scripts.errors import ConfigError, Unreachable
from scripts.system.background import submit
from scripts.system.connection import Phases, session
from scripts.system.documents import parse_json
from scripts.system.secret import Secret

if TYPE_CHECKING:
    import requests

LARGEST = 65_536  # bytes of a version stamp that are read; a real one has 200
LONGEST = 100  # characters of one of its values
LARGEST_DOCUMENT = 16 * 1024 * 1024  # bytes of an API's answer; a full page of a list has about 1 MB
REDIRECTS = 3
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOGIN_HOSTS = ("replit.com", "replit.dev", "repl.it")  # where Replit sends visitors of a private app
LOGIN_PATHS = re.compile(r"/(__repl(shield|auth\w*)|silent-auth|log-?in|sign-?in)\b", re.IGNORECASE)
Headers = Callable[[str], Mapping[str, str]]  # by the address, what to send beside `HEADERS`
HEADERS = {"Cache-Control": "no-cache", "Pragma": "no-cache", "User-Agent": "release-desk"}


@dataclass(frozen=True)
class Response:
    """What a server answered.

    Args:
        headers: their names in any case.
        body: at most `most_bytes` of it, unpacked.
        complete: the body ended within `most_bytes`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    complete: bool = False


class FetchError(Exception):
    """No answer, or not all of it.

    Args:
        why: a few words, such as "timed out".
        head: status and headers, if they arrived.
    """

    def __init__(self, why: str, head: Response | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.head = head


class Line:
    """One connection for several requests to a server; `fetch` makes one for each request otherwise."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.session = session(self.sockets.append, lambda _phase: False)

    def close(self) -> None:
        """Hang up, so that a thread that still reads from it ends."""
        _hang_up(self.sockets)


def fetch(
    url: str,
    *,
    seconds: float,
    most_bytes: int,
    method: str = "GET",
    headers: Mapping[str, str] = HEADERS,
    body: bytes | None = None,
    connect_seconds: float | None = None,
    wants_body: Callable[[Response], bool] = lambda _head: True,
    phases: Phases | None = None,
    line: Line | None = None,
    enough: Callable[[Response], bool] = lambda _so_far: False,
) -> Response:
    """Make one request. A redirect is returned, not followed.

    Args:
        line: the connection to use; it goes on existing.
        enough: told what has arrived, whether that is all that is wanted of a stream of events.
        seconds: for everything: name, connection, request, answer.
        most_bytes: of the unpacked body; with 0 the body is not read.
        connect_seconds: for the connection alone, where that must fail sooner.
        wants_body: told the head, whether to read the body.
        phases: is filled, up to where the request came.

    Raises:
        FetchError: the answer did not arrive in time, or broke off.
    """
    timeout = (min(seconds, connect_seconds or seconds), seconds)
    exchange = _Exchange(url, method, headers, body, timeout, most_bytes, wants_body, phases, line, enough)
    try:
        answer = submit(exchange.run).result(timeout=seconds)
    except TimeoutError:
        exchange.expire()
        raise FetchError("timed out", exchange.head) from None
    finally:
        exchange.close()
    if isinstance(answer, FetchError):
        raise answer
    return answer


@dataclass
class _Exchange:
    """One request and its answer, in a thread of its own, which `close` ends."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: tuple[float, float]
    most_bytes: int
    wants_body: Callable[[Response], bool]
    phases: Phases | None = None
    line: Line | None = None
    enough: Callable[[Response], bool] = lambda _so_far: False
    head: Response | None = None
    sockets: list[socket.socket] = field(default_factory=list)
    expired: bool = False

    def run(self) -> Response | FetchError:
        """The answer. A fault is returned: a raised one keeps the library's frames and sockets alive."""
        try:
            with self._session() as made, self._send(made) as response:
                self._lap("first byte")
                self.head = Response(response.status_code, response.headers)
                if not self.most_bytes or not self.wants_body(self.head):
                    return self.head
                raw = self._body(response, self.head)
                self._lap("body")
                complete = len(raw) <= self.most_bytes
                return replace(self.head, body=raw[: self.most_bytes], complete=complete)
        except _faults() as fault:
            return FetchError(_in_short(fault), self.head)

    def _session(self) -> contextlib.AbstractContextManager[requests.Session]:
        return contextlib.nullcontext(self.line.session) if self.line else session(self.opened, self._lap)

    def _body(self, response: requests.Response, head: Response) -> bytes:
        """At most a byte more than is allowed; of a stream of events no more than is enough."""
        if "text/event-stream" not in head.headers.get("content-type", ""):
            return bytes(response.raw.read(self.most_bytes + 1, decode_content=True))
        raw = b""
        while len(raw) <= self.most_bytes and not self.enough(replace(head, body=raw)):
            piece = response.raw.read1(self.most_bytes + 1 - len(raw), decode_content=True)
            if not piece:
                break
            raw += piece
        return raw

    def _send(self, session: requests.Session) -> requests.Response:
        return session.request(
            self.method, self.url, headers=dict(self.headers), data=self.body, timeout=self.timeout,
            allow_redirects=False, stream=True,
        )  # fmt: skip

    def _lap(self, phase: str) -> bool:
        """Note a phase; whether somebody wants to know."""
        if self.phases is not None:
            self.phases.lap(phase)
        return self.phases is not None

    def opened(self, connection: socket.socket) -> None:
        self.sockets.append(connection)
        if self.expired:
            raise ConnectionAbortedError

    def expire(self) -> None:
        """The time is over: also a connection for several requests is of no more use."""
        if self.line:
            self.line.close()

    def close(self) -> None:
        """Shut the connection down, so that a thread that still reads from it ends."""
        self.expired = True
        _hang_up(self.sockets)


def _hang_up(connections: list[socket.socket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError, ValueError):
            connection.shutdown(socket.SHUT_RDWR)


def _faults() -> tuple[type[Exception], ...]:
    """What a server can cause; urllib3's own errors come through when the body breaks off."""
    import requests
    import urllib3

    return (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


def _in_short(fault: Exception) -> str:
    """The kind of failure in a few words; the library's own text is long and names objects."""
    import requests
    from urllib3.exceptions import TimeoutError as Late

    if isinstance(fault, requests.exceptions.ProxyError):
        return "the proxy does not let us through"
    if isinstance(fault, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(fault, requests.Timeout | Late):
        return "timed out"
    if isinstance(fault, requests.ConnectionError):
        return "can't connect"
    return f"its answer broke off ({type(fault).__name__})"


def get_json(
    url: str,
    token: Secret,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    sends: Mapping[str, Any] | None = None,
    *,
    method: str = "",
    most_bytes: int = LARGEST_DOCUMENT,
) -> tuple[int, Any, Mapping[str, str]]:
    """Status, JSON document and headers of an API's answer; the document is None where there is none.

    Args:
        timeout: seconds for the whole answer.
        sends: the document that is sent; None for none.
        method: by default a POST with a document, and a GET without.

    Raises:
        ConfigError: the token would travel unencrypted.
        Unreachable: no answer, or a good one that is no JSON.
    """
    host = _host_of_api(url)
    sent = {"Accept": "application/json", "User-Agent": HEADERS["User-Agent"], **(headers or {})}
    sent["Authorization"] = f"Bearer {token.reveal()}"
    body = None if sends is None else json.dumps(sends).encode()
    sent |= {} if body is None else {"Content-Type": "application/json"}
    method = method or ("GET" if sends is None else "POST")
    try:
        response = fetch(
            url, seconds=timeout, most_bytes=most_bytes, method=method, headers=sent, body=body
        )
    except FetchError as fault:
        raise Unreachable(f"the API at `{host}` gave no answer ({fault.why})") from None
    try:
        document = parse_json(response.body) if response.body else None
    except ValueError as fault:
        if response.status == 200:
            raise Unreachable(f"the API at `{host}` gave no JSON ({type(fault).__name__})") from None
        document = None
    return response.status, document, response.headers


def _host_of_api(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ConfigError(f"the API at `{host}` has no https address: a token would travel unencrypted")
    return host


@dataclass(frozen=True)
class Look:
    """What one round of requests to a public URL gave.

    Args:
        status: of the version stamp; None without an answer.
        stamp: `commit`, and `environment` and `schema` where it has them; {} when it can't be read.
        pages: each path with its status; None without an answer.
        error: why there is no stamp.
        login: the app is private: a log-in stands before it.
        at: the server's clock by its `Date` header, in seconds since 1970; None if it has none.
    """

    status: int | None
    stamp: dict[str, str]
    pages: tuple[tuple[str, int | None], ...]
    error: str | None
    login: bool = False
    at: float | None = field(default=None, compare=False)


def look(
    url: str, version_path: str, pages: Sequence[str], timeout: float, headers: Headers = lambda _url: {}
) -> Look:
    """Ask for the version stamp and the pages, all at once, within `timeout` seconds in all.

    Args:
        headers: what to send to an address beside the usual.
    """
    base = url.rstrip("/")
    stamp = submit(_stamp, base + version_path, timeout, headers)
    statuses = [submit(_status, base + path, timeout, headers) for path in pages]
    seen = stamp.result()
    found = tuple((path, answer.result()) for path, answer in zip(pages, statuses, strict=True))
    return replace(seen, pages=found)


def _stamp(url: str, timeout: float, headers: Headers) -> Look:
    sent = headers(url)
    try:
        response = fetch(url, seconds=timeout, most_bytes=LARGEST, headers={**HEADERS, **sent})
    except FetchError as fault:
        return Look(None, {}, (), fault.why)
    at = _date(response.headers)
    if asks_for_login(response, url) or (sent and response.status in (401, 403)):
        why = "it refuses the access token" if sent else "it asks for a log-in: the app is private"
        return Look(response.status, {}, (), why, login=True, at=at)
    if response.status != 200:
        return Look(response.status, {}, (), f"it answers {response.status}", at=at)
    values, error = _parse(response.body)
    return Look(200, values, (), error, at=at)


def asks_for_login(response: Response, url: str) -> bool:
    """Whether Replit's log-in stands before the app: a private one sends visitors to `/__replshield`."""
    if response.status not in (301, 302, 303, 307, 308):
        return False
    target = urlsplit(urljoin(url, response.headers.get("location", "")))
    host = target.hostname or ""
    elsewhere = target.netloc != urlsplit(url).netloc
    by_replit = any(host == each or host.endswith(f".{each}") for each in LOGIN_HOSTS)
    return elsewhere and (by_replit or LOGIN_PATHS.search(target.path) is not None)


def _date(headers: Mapping[str, str]) -> float | None:
    """The server's clock; None if it gives none. What a cache answers has the time of its origin."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp() + float(headers.get("Age", "0"))
    except (ValueError, TypeError, OverflowError):
        return None


def _parse(body: bytes) -> tuple[dict[str, str], str | None]:
    """The stamp's texts, or what is wrong with it: the answer is untrusted."""
    try:
        document = parse_json(body)
    except ValueError:
        return {}, "it is no JSON"
    if not isinstance(document, dict):
        return {}, "it is no JSON object"
    values = {key: document.get(key) for key in ("commit", "environment", "schema")}
    stamp = {key: value for key, value in values.items() if isinstance(value, str)}
    if not re.fullmatch(r"[0-9a-f]{40}", stamp.get("commit", "")):
        return {}, "it has no `commit` of 40 hex digits"
    if any(len(value) > LONGEST or not value.isprintable() for value in stamp.values()):
        return {}, "its values are no plain text"
    return stamp, None


def _status(url: str, timeout: float, headers: Headers) -> int | None:
    """The status of a page; redirects are followed on the same host only. 310 after too many of them."""
    deadline = time.monotonic() + timeout
    try:
        for _ in range(REDIRECTS):
            sent = {**HEADERS, **headers(url)}
            left = max(0.0, deadline - time.monotonic())
            response = fetch(url, seconds=left, most_bytes=0, headers=sent)
            target = _redirect(response, url)
            if target is None:
                return response.status
            url = target
    except (FetchError, ValueError):  # ValueError: a `Location` that is no URL
        return None
    return 310


def _redirect(response: Response, url: str) -> str | None:
    if response.status not in (301, 302, 303, 307, 308) or "location" not in response.headers:
        return None
    target = urljoin(url, response.headers["location"])
    return target if urlsplit(target).netloc == urlsplit(url).netloc else None
