"""Serves a static site to many visitors from one thread, as a release that the launcher started.

A request that came before is known by its very bytes, and its answer is sent again: that is most of them.
When another release takes over, the connections that are open are handed to it, so no visitor notices.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from scripts.replit.launcher.child import FIRST_FD
from scripts.replit.launcher.site import IN_MEMORY, Reply, Site
from scripts.replit.launcher.status import (
    HANDED,
    HEAD_BYTES,
    STATUS_AT_ONCE,
    STATUS_PATH,
    http_answer,
    parsed_head,
    pass_on,
)
from scripts.replit.launcher.visit import Visit

MOST_KNOWN = 16_000_000  # bytes of requests and answers that are known
IDLE_SECONDS = 75.0  # that a connection may be silent
LAST_SECONDS = 3.0  # that one goes on sending after its last answer
MOST_AT_ONCE = 4_096  # open connections; more wait to be accepted


class SiteServer:
    """The loop.

    Args:
        private: the path of its own socket.
        status: the path of the launcher's, for `/-/release`.
    """

    def __init__(self, site: Site, control: socket.socket, private: str, status: str) -> None:
        self._site, self._control, self._status = site, control, status
        self._poll = select.epoll()
        self._visits: dict[int, Visit] = {}
        self._known: dict[bytes, tuple[bytes, bool]] = {}
        self._known_size, self._second = 0, 0
        self._turn = FIRST_FD
        self._shared: socket.socket | None = None
        self._holding, self._next = False, ""
        self._words = b""
        self._own = _unix(socket.SOCK_STREAM, private)
        self._own.listen(128)
        self._handed = _unix(socket.SOCK_DGRAM, private + HANDED)
        self._handlers: dict[int, Callable[[], None]] = {}
        for each, handler in (
            (self._own, lambda: self._accept(self._own, private=True)),
            (self._handed, self._take_over),
            (control, self._hear),
        ):
            each.setblocking(False)
            self._handlers[each.fileno()] = handler
            self._poll.register(each.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Until the launcher is gone."""
        swept = time.monotonic()
        while True:
            for fd, events in self._poll.poll(1.0, 256):
                visit = self._visits.get(fd)
                if visit is None:
                    self._handlers.get(fd, _nothing)()
                elif events & select.EPOLLOUT:
                    self._send(fd, visit)
                else:
                    self._read(fd, visit)
            now = time.monotonic()
            second = int(now)
            if second != self._second:  # an answer bears the time of day
                self._second, self._known_size = second, 0
                self._known.clear()
                if now - swept > 5:
                    swept = now
                    self._sweep(now)

    # the launcher's words

    def _hear(self) -> None:
        data = self._control.recv(4_096)
        if not data:
            os._exit(1)  # the launcher is gone
        *lines, self._words = (self._words + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "accept":
                self._begin()
            elif word == "hold":
                self._hold()
            elif word == "forward":
                self._next, self._holding = rest, False
                self._go_on()
            elif word == "close":
                for fd in [fd for fd, visit in self._visits.items() if not visit.is_busy]:
                    self._close(fd)  # a download goes on as long as this process stays warm
            self._control.sendall(f"{word}\n".encode())

    def _begin(self) -> None:
        self._shared = socket.socket(fileno=self._turn)
        self._turn += 1
        self._shared.setblocking(False)
        self._shared.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shared = self._shared
        self._handlers[shared.fileno()] = lambda: self._accept(shared, private=False)
        self._poll.register(shared.fileno(), select.EPOLLIN)
        self._holding, self._next = False, ""
        self._go_on()

    def _hold(self) -> None:
        self._holding = True
        if self._shared:
            self._poll.unregister(self._shared.fileno())
            self._handlers.pop(self._shared.fileno())
            self._shared.close()
            self._shared = None
        for fd, visit in self._visits.items():
            if not visit.is_busy and self._waits(visit):
                self._poll.modify(fd, 0)

    def _go_on(self) -> None:
        """What was held is read here, or handed over."""
        for fd, visit in list(self._visits.items()):
            if not visit.is_busy and not visit.private and not visit.is_over:
                self._settle(fd, visit)
                self._answer_all(fd, visit)

    def _waits(self, visit: Visit) -> bool:
        return (self._holding or bool(self._next)) and not visit.private and not visit.is_over

    def _settle(self, fd: int, visit: Visit) -> None:
        """An open connection without an answer under way: wait, hand it over, or read on."""
        if not self._waits(visit):
            self._poll.modify(fd, select.EPOLLIN)
        elif self._holding:
            self._poll.modify(fd, 0)
        else:
            self._hand_over(fd, visit)

    def _hand_over(self, fd: int, visit: Visit) -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.settimeout(2)
            way.connect(self._next + HANDED)
            socket.send_fds(way, [b"\0" + visit.text], [fd])
        self._close(fd)

    def _take_over(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                text, fds, _, _ = socket.recv_fds(self._handed, 3 * HEAD_BYTES, 4, socket.MSG_DONTWAIT)
                for fd in fds:
                    self._welcome(socket.socket(fileno=fd), private=False, text=text[1:])

    # visitors

    def _accept(self, listening: socket.socket, *, private: bool) -> None:
        for _ in range(64):
            if len(self._visits) >= MOST_AT_ONCE:
                self._sweep(time.monotonic(), idle=5.0)
                return
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            if private or not self._is_done(connection):
                self._welcome(connection, private=private)

    def _is_done(self, connection: socket.socket) -> bool:
        """Most connections that serve for one request are at their end right after they were accepted."""
        try:
            request = connection.recv(HEAD_BYTES, socket.MSG_DONTWAIT | socket.MSG_PEEK)
            answer, closes = self._known.get(request, (b"", False))
            sent = connection.send(answer, socket.MSG_DONTWAIT) if closes else 0
        except OSError:
            return False
        if not sent:
            return False
        connection.recv(len(request), socket.MSG_DONTWAIT)
        if sent == len(answer):
            connection.close()
        else:
            visit = self._welcome(connection, private=False)
            visit.closes = visit.writes = True
            visit.out = memoryview(answer)[sent:]
            self._poll.modify(connection.fileno(), select.EPOLLOUT)
        return True

    def _welcome(self, connection: socket.socket, *, private: bool, text: bytes = b"") -> Visit:
        fd, visit = connection.fileno(), Visit(connection, private=private)
        visit.text = text
        self._visits[fd] = visit
        self._poll.register(fd, select.EPOLLIN)
        if text:
            self._answer_all(fd, visit)
        elif self._waits(visit):
            self._settle(fd, visit)
        return visit

    def _read(self, fd: int, visit: Visit) -> None:
        if self._waits(visit):
            self._settle(fd, visit)
            return
        try:
            data = visit.socket.recv(HEAD_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(fd)
            return
        if visit.is_over:
            return
        visit.heard = self._second
        if not visit.text:
            known = self._known.get(data)
            if known is not None:
                visit.closes = known[1]
                self._put(fd, visit, known[0])
                return
        visit.text += data
        self._answer_all(fd, visit)

    def _answer_all(self, fd: int, visit: Visit) -> None:
        """Every whole request that was read, one answer after the other."""
        while visit.text and not visit.is_busy and fd in self._visits and not self._waits(visit):
            head, found, rest = visit.text.partition(b"\r\n\r\n")
            if not found:
                if len(visit.text) >= HEAD_BYTES:
                    visit.text, visit.closes, visit.unread = b"", True, True
                    self._put(fd, visit, http_answer(431, {"error": "the request's head is too large"}))
                return
            visit.text = rest
            self._answer(fd, visit, head + found)

    def _answer(self, fd: int, visit: Visit, request: bytes) -> None:
        line, _, _ = request.partition(b"\r\n")
        method, path, fields = parsed_head(request[:-4])
        if not method or not line.endswith((b" HTTP/1.1", b" HTTP/1.0")):
            visit.closes = visit.unread = True
            self._put(fd, visit, http_answer(400, {"error": "this is no request"}))
            return
        if path == STATUS_PATH:
            self._ask_launcher(fd, request)
            return
        has_body = fields.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in fields
        kept = fields.get(b"connection", b"").lower()
        visit.unread = has_body
        visit.closes = has_body or kept == b"close" or (line.endswith(b"1.0") and kept != b"keep-alive")
        reply = self._site.reply(method, line.split(b" ")[1], fields, closes=visit.closes)
        if reply.path:
            self._put_file(fd, visit, reply)
            return
        answer = reply.head + reply.body
        if not visit.unread and not visit.text and len(answer) <= IN_MEMORY + 2_000:
            self._remember(request, answer, closes=visit.closes)
        self._put(fd, visit, answer)

    def _remember(self, request: bytes, answer: bytes, *, closes: bool) -> None:
        self._known_size += len(request) + len(answer)
        if self._known_size > MOST_KNOWN:
            self._known.clear()
            self._known_size = len(request) + len(answer)
        self._known[request] = (answer, closes)

    def _put(self, fd: int, visit: Visit, answer: bytes) -> None:
        try:
            sent = visit.socket.send(answer, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(fd)
            return
        if sent < len(answer):
            visit.out = memoryview(answer)[sent:]
            self._poll.modify(fd, select.EPOLLOUT)
            visit.writes = True
        elif visit.closes:
            self._finish(fd, visit)
        elif self._waits(visit):
            self._settle(fd, visit)

    def _put_file(self, fd: int, visit: Visit, reply: Reply) -> None:
        try:
            visit.file = os.open(reply.path, os.O_RDONLY)
            visit.socket.setblocking(False)
        except OSError:
            self._close(fd)
            return
        visit.out, visit.offset, visit.left = memoryview(reply.head), reply.offset, reply.length
        self._send(fd, visit)

    def _send(self, fd: int, visit: Visit) -> None:
        """What of an answer the visitor takes now."""
        try:
            self._send_some(fd, visit)
        except BlockingIOError:
            if not visit.writes:
                self._poll.modify(fd, select.EPOLLOUT)
                visit.writes = True
            return
        except OSError:
            self._close(fd)
            return
        if visit.file >= 0:
            os.close(visit.file)
            visit.file = -1
        if visit.closes:
            self._finish(fd, visit)
            return
        if visit.writes or self._waits(visit):
            visit.writes = False
            self._settle(fd, visit)
        self._answer_all(fd, visit)

    def _finish(self, fd: int, visit: Visit) -> None:
        """The last answer is sent. What was not read would make the system take the answer back."""
        if not visit.unread:
            self._close(fd)
            return
        visit.is_over, visit.text, visit.out = True, b"", b""
        with contextlib.suppress(OSError):
            visit.socket.shutdown(socket.SHUT_WR)
        self._poll.modify(fd, select.EPOLLIN)

    def _send_some(self, fd: int, visit: Visit) -> None:
        while visit.out:
            more = socket.MSG_MORE if visit.file >= 0 else 0
            visit.out = visit.out[visit.socket.send(visit.out, socket.MSG_DONTWAIT | more) :]
        while visit.left:
            sent = os.sendfile(fd, visit.file, visit.offset, min(visit.left, 1 << 20))
            if not sent:
                raise OSError("the file is shorter than it was")
            visit.offset, visit.left, visit.heard = visit.offset + sent, visit.left - sent, self._second

    def _ask_launcher(self, fd: int, request: bytes) -> None:
        """In a thread, which has the connection from then on: the launcher may be slow."""
        visit = self._visits.pop(fd)
        self._poll.unregister(fd)
        if not STATUS_AT_ONCE.acquire(blocking=False):
            with contextlib.suppress(OSError), visit.socket:
                visit.socket.send(http_answer(503, {"error": "too many at once"}), socket.MSG_DONTWAIT)
            return
        threading.Thread(target=pass_on, args=(visit.socket, request, self._status), daemon=True).start()

    def _sweep(self, now: float, idle: float = IDLE_SECONDS) -> None:
        for fd, visit in list(self._visits.items()):
            if now - visit.heard > (LAST_SECONDS if visit.is_over else idle) and not self._holding:
                self._close(fd)

    def _close(self, fd: int) -> None:
        visit = self._visits.pop(fd, None)
        if visit:
            if visit.file >= 0:
                os.close(visit.file)
            with contextlib.suppress(OSError):
                self._poll.unregister(fd)
            visit.socket.close()


def _unix(kind: int, path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(path)
    return made


def _nothing() -> None:
    """An event of a connection that was closed a moment before."""


def serve_site() -> int:
    """The program `launcher.py serve`: started by the launcher alone."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    control = socket.socket(fileno=int(os.environ["RELEASE_CONTROL"]))
    site = Site(Path(os.environ["RELEASE_PUBLIC"]), spa=os.environ.get("RELEASE_SPA") == "1")
    SiteServer(site, control, os.environ["RELEASE_SOCKET"], os.environ["RELEASE_STATUS"]).run()
    return 0
