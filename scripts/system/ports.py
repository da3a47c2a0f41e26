"""Ports on loopback: found once, kept as long as a sandbox exists."""

from __future__ import annotations

import contextlib
import random
import socket

from scripts.errors import Refused

# below the ephemeral range (from 32768 on Linux), so that no outgoing connection gets one of our ports
# while the sandbox is stopped
LOWEST, HIGHEST = 20_000, 32_000


def find_free(count: int) -> list[int]:
    """`count` different ports that nobody listens on now."""
    ports: list[int] = []
    for port in random.sample(range(LOWEST, HIGHEST), k=HIGHEST - LOWEST):
        if len(ports) == count:
            break
        if not in_use(port):
            ports.append(port)
    return ports


def in_use(port: int) -> bool:
    """Whether somebody listens on the port."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def accepts_connections(port: int) -> bool:
    """Whether a connection to the port is accepted now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_free(port: int, what: str) -> None:
    """Check that nobody listens on a port of the sandbox.

    Raises:
        Refused: another program does.
    """
    if in_use(port):
        raise Refused(
            f"port {port}, which this sandbox gave to its {what}, is used by another program now",
            f"see who: `ss -ltnp 'sport = :{port}'`; end it, or take the sandbox down and up again",
        )
