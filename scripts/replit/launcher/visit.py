"""One connection of a static site's visitor."""

from __future__ import annotations

import socket
import time


class Visit:
    """One connection."""

    __slots__ = (
        *("closes", "file", "heard", "is_over", "left", "offset", "out", "private", "socket", "text"),
        *("unread", "writes"),
    )

    def __init__(self, connection: socket.socket, *, private: bool) -> None:
        self.socket, self.private = connection, private
        self.text = b""  # of a request that is not whole
        self.out: memoryview | bytes = b""
        self.file, self.offset, self.left = -1, 0, 0
        self.closes = False
        self.unread = False  # more was sent than is read: a body, or what is no request
        self.writes = False  # it is waited for the moment to send more
        self.is_over = False  # the answer is sent, the rest is read and thrown away
        self.heard = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """An answer is not yet sent."""
        return bool(self.out) or self.file >= 0
