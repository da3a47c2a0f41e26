"""What a connection takes: its phases, the addresses of a host, the certificate that a server shows."""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import TimeoutError as Late
from functools import cache
from typing import NamedTuple

from scripts.system import network
from scripts.system.background import submit

# X509_V_ERR_...: what OpenSSL says of a certificate that it refuses
REASONS = {
    10: "it has expired",
    18: "it is signed by itself",
    19: "it is signed by itself",
    20: "its issuer is unknown here",
    62: "it is for another host",
}


class Phases(dict[str, float]):
    """Milliseconds of each phase of a request, in order: `dns`, `connect`, `tls`, `first byte`, `body`."""

    def __init__(self) -> None:
        super().__init__()
        self._last = time.monotonic()

    def lap(self, phase: str) -> None:
        """The phase is over."""
        now = time.monotonic()
        self[phase], self._last = (now - self._last) * 1000, now


class Certificate(NamedTuple):
    """What a server shows.

    Args:
        expires: seconds since 1970; None where it is refused, or nothing was shown.
        refused: why it is not to be trusted.
        unseen: why nothing was shown.
    """

    expires: float | None = None
    refused: str = ""
    unseen: str = ""


@cache
def context() -> ssl.SSLContext:
    """Made once: to read the system's authorities takes 20 ms."""
    trusted = network.trusted()
    return ssl.create_default_context(cafile=str(trusted) if trusted else None)


def certificate(host: str, port: int, seconds: float) -> Certificate:
    """Connect, and look at the certificate."""
    try:
        return submit(_certificate, host, port, seconds).result(timeout=seconds)
    except Late:
        return Certificate(unseen="timed out")


def _certificate(host: str, port: int, seconds: float) -> Certificate:
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as plain,
            context().wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert() or {}
        return Certificate(float(ssl.cert_time_to_seconds(str(shown["notAfter"]))))
    except ssl.SSLCertVerificationError as fault:
        return Certificate(refused=REASONS.get(fault.verify_code, fault.verify_message))
    except OSError as fault:
        return Certificate(unseen=fault.strerror or type(fault).__name__)


def addresses(host: str, seconds: float) -> list[str]:
    """The addresses of a host.

    Raises:
        OSError: it has none, or no answer came in time.
    """
    try:
        found = submit(socket.getaddrinfo, host, None, 0, socket.SOCK_STREAM).result(timeout=seconds)
    except Late:
        raise TimeoutError(0, "timed out") from None
    return sorted({str(each[4][0]) for each in found})
