"""A TCP proxy that limits how fast bytes are read from a server.

A server that can't send waits, and a waiting backend uses no processor and reads no disk: a slow
reader spares it. Bytes are passed on unchanged, so TLS works end to end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

CHUNK = 64 * 1024  # bytes
CONNECT_TIMEOUT = 10.0  # seconds
BUFFER = 128 * 1024  # bytes in our receive buffer: small, so that the server notices the limit


class RateLimit:
    """So many bytes a second, shared by all who consume them.

    Args:
        rate: bytes a second.
    """

    BURST = 0.05  # seconds of unused allowance that may be caught up

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock, self._sleep = clock, sleep
        self._guard = threading.Lock()
        self._next = clock()  # when the next byte may be read

    def consume(self, count: int) -> None:
        """Count bytes that were read, and wait until the next ones may be."""
        with self._guard:
            now = self._clock()
            self._next = max(self._next, now - self.BURST) + count / self.rate
            wait = self._next - now
        if wait > 0:
            self._sleep(wait)


@contextlib.contextmanager
def throttled_proxy(host: str, port: int, limit: RateLimit) -> Iterator[int]:
    """Listen on a loopback port and forward to that server; yields the port.

    Raises:
        OSError: no port can be opened.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sockets: list[socket.socket] = []
        threading.Thread(target=_accept, args=(listener, host, port, limit, sockets), daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            for open_socket in (listener, *sockets):
                _close(open_socket)


def _accept(
    listener: socket.socket, host: str, port: int, limit: RateLimit, sockets: list[socket.socket]
) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # closed by `throttled_proxy`
            return
        try:
            server = _connect(host, port)
        except OSError:
            _close(client)
            continue
        sockets += [client, server]
        threading.Thread(target=_forward, args=(client, server, None), daemon=True).start()
        threading.Thread(target=_forward, args=(server, client, limit), daemon=True).start()


def _connect(host: str, port: int) -> socket.socket:
    """A connection whose receive buffer is small from the start: it determines the TCP window."""
    fault: OSError = OSError(f"`{host}` has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        server = socket.socket(family, kind, protocol)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            server.settimeout(CONNECT_TIMEOUT)
            server.connect(address)
            server.settimeout(None)
        except OSError as error:
            fault = error
            server.close()
        else:
            return server
    raise fault


def _forward(source: socket.socket, target: socket.socket, limit: RateLimit | None) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
            if limit:
                limit.consume(len(chunk))
    _close(source)
    _close(target)


def _close(open_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        open_socket.close()
