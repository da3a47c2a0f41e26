"""HTTP/1.1 for the journeys: kept-alive connections, no redirects, one timeout for a whole answer.

What the generator spends on a request is missing for the next one, and is measured as the app's time. This
does what a measurement needs, and costs half of Locust's own clients.
"""

from __future__ import annotations

import json as jsons
import select
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import brotli
import gevent.socket
from gevent.monkey import get_original
from geventhttpclient.response import HTTPParseError, HTTPResponseParser

BLOCK = 65_536  # bytes that are read at a time
PORTS = {"https": 443, "http": 80}
SAFE = "/?&=%:@+,;!$'()*[]~#|-._"  # of a URL, as it is written
REPEATABLE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
poll = get_original("select", "poll") or select.poll


class NoAnswer(Exception):
    """There was none, in time, or none that is HTTP."""


class Target(NamedTuple):
    """Where a request goes."""

    secure: bool
    host: str
    port: int
    head: str  # the first lines of the request


@lru_cache(maxsize=4096)
def head_of(first: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    """The head of a request. Most are the same again.

    Raises:
        NoAnswer: a line break would be in it.
    """
    lines = [f"{name}: {value}" for name, value in fields]
    if any("\r" in line or "\n" in line for line in lines):
        raise NoAnswer("a header has a line break")
    return (first + "\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@lru_cache(maxsize=4096)
def target_of(base: str, method: str, url: str) -> Target:
    """The target of a URL, or of a path at the base URL."""
    parts = urlsplit(url if "://" in url else base + url)
    port = parts.port or PORTS[parts.scheme]
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=SAFE)
    authority = parts.netloc.rpartition("@")[2]
    head = f"{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: release-desk\r\n"
    return Target(parts.scheme == "https", parts.hostname or "", port, head)


class Answer(HTTPResponseParser):  # type: ignore[misc] - it is written in C
    """An answer: `status_code`, `headers` by lower-case name, `content`."""

    def __init__(self, *, bodiless: bool) -> None:
        super().__init__()
        self.headers: dict[str, str] = {}
        self.cookies: list[str] = []
        self.content = b""
        self.complete = self.began = False
        self._bodiless, self._body = bodiless, bytearray()
        self._name = self._value = ""

    @property
    def status_code(self) -> int:
        """Of the final answer."""
        return int(self.get_code())

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content as JSON."""
        return jsons.loads(self.content)

    def decode(self) -> None:
        """Keep the content as it was before it was compressed.

        Raises:
            zlib.error, brotli.error: it is damaged.
        """
        coding = self.headers.get("content-encoding", "")
        if coding == "br":
            self.content = brotli.decompress(bytes(self._body))
        elif coding in ("gzip", "deflate"):
            self.content = zlib.decompress(self._body, 47)  # either of the two
        else:
            self.content = bytes(self._body)

    def _on_message_begin(self) -> None:
        self.began = True

    def _on_status(self, _text: str) -> None:
        pass

    def _on_header_field(self, text: str) -> None:
        if self._value:
            self._keep()
        self._name += text

    def _on_header_value(self, text: str) -> None:
        self._value += text or " "

    def _keep(self) -> None:
        name, value = self._name.lower(), self._value.strip()
        self._name = self._value = ""
        if name == "set-cookie":
            self.cookies.append(value)
        else:
            self.headers[name] = value

    def _on_headers_complete(self) -> bool:
        if self._name:
            self._keep()
        return self._bodiless

    def _on_body(self, data: bytes) -> None:
        self._body += data

    def _on_message_complete(self) -> None:
        if self.get_code() >= 200:
            self.complete = True
        else:  # the final answer follows
            self.headers.clear()


class Connection:
    """A connection that is kept."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self._look = poll()
        self._look.register(sock.fileno(), select.POLLIN)

    def has_more(self) -> bool:
        """Whether there is something to read, though nothing was asked."""
        return bool(self._look.poll(0))


class Client:
    """One visitor's connections and cookies.

    Args:
        base: the app's address, for paths.
        timeout: seconds for a connection, and for a whole answer.
        tls: gives a TLS context.
        fire: Locust's event `request`.
    """

    def __init__(
        self, base: str, timeout: float, tls: Callable[[], Any], fire: Callable[..., None] | None = None
    ) -> None:
        self.base, self.timeout, self._tls, self._fire = base, timeout, tls, fire
        self._idle: dict[tuple[bool, str, int], list[Connection]] = {}
        self._cookies: dict[str, dict[str, str]] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | str | None = None,
        json: Any = None,
    ) -> Answer:
        """Make one request.

        Raises:
            NoAnswer: nothing that is an answer came within the timeout.
        """
        target = target_of(self.base, method, url)
        fields = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br"}
        if json is not None:
            data = jsons.dumps(json)
            fields["Content-Type"] = "application/json"
        if self._cookies and (jar := self._cookies.get(target.host)):
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if headers:
            fields.update(headers)
        body = data.encode() if isinstance(data, str) else data or b""
        if body or method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = str(len(body))
        sent = head_of(target.head, tuple(fields.items())) + body
        try:
            answer = self._exchange(target, sent, method)
        except (OSError, HTTPParseError, zlib.error, brotli.error) as fault:
            raise NoAnswer(type(fault).__name__) from fault
        for cookie in answer.cookies:
            self._keep(target.host, cookie)
        return answer

    def report(
        self, method: str, name: str, intended: float, answer: Answer | None, fault: Exception | None
    ) -> None:
        """Hand a request to Locust's statistics, and to the recorder that listens there."""
        if self._fire is not None:
            self._fire(
                request_type=method,
                name=name,
                response_time=(time.perf_counter() - intended) * 1000,
                response_length=len(answer.content) if answer else 0,
                exception=fault,
                context={"intended": intended},
            )

    def close(self) -> None:
        """Close the connections on which nothing is under way."""
        for idle in self._idle.values():
            while idle:
                idle.pop().sock.close()

    def _exchange(self, target: Target, sent: bytes, method: str) -> Answer:
        """By a connection that is there, and that the server has not closed since; else by a new one."""
        idle = self._idle.setdefault(target[:3], [])
        while idle:
            connection = idle.pop()
            if connection.has_more():  # closed, or out of step
                connection.sock.close()
                continue
            answer = Answer(bodiless=method == "HEAD")
            try:
                return self._talk(connection, sent, answer, idle)
            except ConnectionError:
                if answer.began or method not in REPEATABLE:
                    raise
        connection = Connection(self._connect(target))
        return self._talk(connection, sent, Answer(bodiless=method == "HEAD"), idle)

    def _connect(self, target: Target) -> Any:
        sock = gevent.socket.create_connection((target.host, target.port), self.timeout)
        if not target.secure:
            return sock
        try:
            return self._tls().wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise

    def _talk(self, connection: Connection, sent: bytes, answer: Answer, idle: list[Connection]) -> Answer:
        sock = connection.sock
        try:
            _write(sock, sent)
            _read(sock, answer, time.perf_counter() + self.timeout)
            answer.decode()
        except BaseException:
            sock.close()
            raise
        if answer.should_keep_alive():
            idle.append(connection)
        else:
            sock.close()
        return answer

    def _keep(self, host: str, cookie: str) -> None:
        pair, _, attributes = cookie.partition(";")
        name, _, value = pair.strip().partition("=")
        jar = self._cookies.setdefault(host, {})
        if not value or "max-age=0" in attributes.lower().replace(" ", ""):
            jar.pop(name, None)
        else:
            jar[name] = value


def _write(sock: Any, data: bytes) -> None:
    """All of it, nearly always at once: `sendall` alone would ask for the size of a buffer first."""
    done = sock.send(data)
    if done < len(data):
        sock.sendall(data[done:])


def _read(sock: Any, answer: Answer, until: float) -> None:
    while not answer.complete:
        data = sock.recv(BLOCK)
        if data:
            answer.feed(data)
            if not answer.complete and time.perf_counter() > until:
                raise TimeoutError("an answer that does not end")
            continue
        with suppress(HTTPParseError):
            answer.feed(data)  # the end, which completes an answer without a length
        if not answer.complete:
            raise ConnectionResetError("closed before the end of the answer")
