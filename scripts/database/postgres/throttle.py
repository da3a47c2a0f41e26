"""A brake between us and a server: bytes are taken from it no faster than allowed.

A server that can't send waits, and a waiting backend uses no processor and reads no disk: so a slow
reader is what spares it. The bytes are passed on as they are, so TLS goes through from end to end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

SLICE = 64 * 1024
CONNECT_TIMEOUT = 10.0
BUFFER = 128 * 1024  # what may stand in our own receiving buffer: little, so that the server feels it


class Pace:
    """So many bytes a second, for all that share it.

    Args:
        rate: bytes a second.
    """

    TACT = 0.05  # seconds of work between two pauses

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock, self._sleep = clock, sleep
        self._guard = threading.Lock()
        self._free = clock()  # when the next byte may be taken

    def spent(self, count: int) -> None:
        """Note that so many bytes were taken, and wait until the next may be."""
        with self._guard:
            now = self._clock()
            # what was not used is lost, but for one tact: no burst after a pause
            self._free = max(self._free, now - self.TACT) + count / self.rate
            wait = self._free - now
        if wait > 0:
            self._sleep(wait)


@contextlib.contextmanager
def opened(host: str, port: int, pace: Pace) -> Iterator[int]:
    """Listen on a port of this machine and pass on to that server; gives the port.

    Raises:
        OSError: nothing can listen here.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sockets: list[socket.socket] = []
        threading.Thread(target=_accept, args=(listener, host, port, pace, sockets), daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            for each in (listener, *sockets):
                _end(each)


def _accept(
    listener: socket.socket, host: str, port: int, pace: Pace, sockets: list[socket.socket]
) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:  # closed: it is over
            return
        try:
            far = _connected(host, port)
        except OSError:
            _end(near)
            continue
        sockets += [near, far]
        threading.Thread(target=_pass_on, args=(near, far, None), daemon=True).start()
        threading.Thread(target=_pass_on, args=(far, near, pace), daemon=True).start()


def _connected(host: str, port: int) -> socket.socket:
    """A connection whose receiving buffer was small from the first: it decides the window."""
    fault: OSError = OSError(f"`{host}` has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        far = socket.socket(family, kind, protocol)
        try:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            far.settimeout(CONNECT_TIMEOUT)
            far.connect(address)
            far.settimeout(None)
        except OSError as again:
            fault = again
            far.close()
        else:
            return far
    raise fault


def _pass_on(source: socket.socket, target: socket.socket, pace: Pace | None) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(SLICE):
            target.sendall(some)
            if pace:
                pace.spent(len(some))
    _end(source)
    _end(target)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        each.close()
