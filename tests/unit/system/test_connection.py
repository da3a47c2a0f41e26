"""Certificates of a real TLS server on loopback, and addresses of hosts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.system import connection
from scripts.system.connection import addresses, certificate
from tests.support.certificates import NOW, Authority
from tests.support.servers import closed_port


@contextlib.contextmanager
def server(file: Path) -> Iterator[int]:
    """A TLS server that shows this certificate; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that is trusted for the time of a test."""
    made = Authority(tmp_path)
    monkeypatch.setattr(connection, "context", lambda: ssl.create_default_context(cafile=str(made.file)))
    return made


def test_a_good_certificate_has_an_end(authority: Authority) -> None:
    """In seconds since 1970."""
    with server(authority.issue("localhost", 20)) as port:
        shown = certificate("localhost", port, 5)

    assert shown == (NOW.timestamp() + 20 * 86_400, "", "")


@pytest.mark.parametrize(
    ("host", "days", "why"),
    [("localhost", -1, "it has expired"), ("example.org", 20, "it is for another host")],
)
def test_a_bad_certificate_is_named(authority: Authority, host: str, days: int, why: str) -> None:
    """By what is wrong with it."""
    with server(authority.issue(host, days)) as port:
        assert certificate("localhost", port, 5).refused == why


def test_an_unknown_issuer_is_named(tmp_path: Path) -> None:
    """The system does not know it."""
    with server(Authority(tmp_path).issue("localhost", 20)) as port:
        assert certificate("localhost", port, 5).refused == "its issuer is unknown here"


def test_nobody_there_shows_nothing() -> None:
    """Neither does somebody who never answers, and that costs the time that it may cost."""
    assert certificate("localhost", closed_port(), 5).unseen == "Connection refused"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert certificate("localhost", silent.getsockname()[1], 0.3).unseen
        assert time.monotonic() - began < 2


def test_a_host_has_addresses() -> None:
    """Or that is said."""
    assert set(addresses("localhost", 5)) & {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r"."):
        addresses("no-such-host.invalid", 5)


def test_authorities_are_read_once_for_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read them for each connection takes 20 ms of a core each time; plain http needs none of them."""
    read: list[ssl.SSLContext] = []

    def create(cafile: str) -> ssl.SSLContext:
        read.append(kept(cafile=cafile))
        return read[-1]

    kept = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", create)
    connection._context.cache_clear()
    made = [connection.session(lambda _socket: None, lambda _phase: False) for _ in range(2)]
    plain = [pool(each, "http://example.org/") for each in made]

    assert (read, ["ssl_context" in each for each in plain]) == ([], [False, False])
    secured = [pool(each, "https://example.org/") for each in made]
    assert [each["ssl_context"] for each in secured] == [connection.context()] * 2 == read * 2
    assert [name for each in [*plain, *secured] for name in each if name.startswith("ca_")] == []


def pool(session: requests.Session, url: str) -> dict[str, object]:
    """What the connections to an address are made with."""
    prepared = requests.Request("GET", url).prepare()
    adapter = session.get_adapter(url)
    found = adapter.build_connection_pool_key_attributes(prepared, verify=True)[1]  # type: ignore[attr-defined]
    return {**adapter.poolmanager.connection_pool_kw, **found}  # type: ignore[attr-defined]
