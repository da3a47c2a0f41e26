"""Ports on loopback, with real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from scripts.errors import Refused
from scripts.system import ports


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_free_ports_are_different_and_below_the_ephemeral_range() -> None:
    """None of them is lent to an outgoing connection."""
    found = ports.find_free(5)

    assert len(set(found)) == 5
    assert all(ports.LOWEST <= port < ports.HIGHEST < 32_768 for port in found)
    assert not any(ports.in_use(port) for port in found)


def test_a_port_in_use_is_not_found(busy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search passes over a port that somebody listens on."""
    monkeypatch.setattr(ports, "LOWEST", busy)
    monkeypatch.setattr(ports, "HIGHEST", busy + 1)

    assert ports.find_free(1) == []


def test_a_listener_uses_its_port_and_accepts_connections(busy: int) -> None:
    """The two questions agree about a port with a listener, and about one without."""
    (free,) = ports.find_free(1)

    assert (ports.in_use(busy), ports.accepts_connections(busy)) == (True, True)
    assert (ports.in_use(free), ports.accepts_connections(free)) == (False, False)


def test_another_program_on_our_port_is_refused(busy: int) -> None:
    """The message names the port and the server it belongs to; a free port passes."""
    with pytest.raises(Refused, match=f"port {busy}, which this sandbox gave to its database") as caught:
        ports.require_free(busy, "database")

    assert "ss -ltnp" in str(caught.value.hint)
    ports.require_free(ports.find_free(1)[0], "database")
