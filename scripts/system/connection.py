"""Connections to servers: sessions that report them, their phases, certificates, and addresses of hosts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as Late
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.system import network
from scripts.system.background import Once, submit

if TYPE_CHECKING:
    import requests

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


def context() -> ssl.SSLContext:
    """What certificates are checked against: what is trusted, else the authorities of `requests`."""
    import certifi

    return _context(str(network.trusted() or certifi.where()))


@Once
def _context(file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)


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


def session(opened: Callable[[socket.socket], None], lap: Callable[[str], bool]) -> requests.Session:
    """A session that reports the phases and the socket of each connection, through a proxy or not.

    Args:
        lap: told each phase as it ends; whether somebody wants to know.
    """
    import requests
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager

    pools: dict[str, Any] = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}

    class Adapter(requests.adapters.HTTPAdapter):
        """With one context for all: to read the authorities takes 20 ms; plain http needs none."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = _watched(pools, opened, lap)

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
            own = {} if proxy.lower().startswith("socks") else {"proxy_ssl_context": context()}
            manager: PoolManager = super().proxy_manager_for(proxy, ssl_context=context(), **own, **kwargs)
            # a SOCKS proxy has pools of its own
            manager.pool_classes_by_scheme = _watched(manager.pool_classes_by_scheme, opened, lap)
            return manager

        def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
            host, given = super().build_connection_pool_key_attributes(*args, **kwargs)
            pool = {name: value for name, value in given.items() if not name.startswith("ca_cert")}
            return host, pool | ({"ssl_context": context()} if host["scheme"] == "https" else {})

        def cert_verify(self, conn: Any, *_args: Any, **_kwargs: Any) -> None:
            conn.cert_reqs = "CERT_REQUIRED"

    made = requests.Session()
    made.mount("http://", Adapter())
    made.mount("https://", Adapter())
    return made


def _watched(
    pools: Mapping[str, Any], opened: Callable[[socket.socket], None], lap: Callable[[str], bool]
) -> dict[str, Any]:
    """The pools with connections that report."""

    def watched(pool: Any) -> Any:
        class Watched(pool.ConnectionCls):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                lap("tls")
                opened(self.sock)

            def _new_conn(self) -> Any:
                if lap("start"):  # what follows finds the answer in the resolver's cache
                    with contextlib.suppress(OSError):
                        socket.getaddrinfo(self._dns_host, self.port, 0, socket.SOCK_STREAM)
                    lap("dns")
                made = super()._new_conn()
                lap("connect")
                return made

        return type("Pool", (pool,), {"ConnectionCls": Watched})

    return {scheme: watched(pool) for scheme, pool in pools.items()}
