"""The rate limit holds, without bursts, and the proxy passes bytes on unchanged."""

from __future__ import annotations

import socket
import threading

import pytest

from scripts.database.postgres.throttle import RateLimit, throttled_proxy


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def test_the_rate_holds_over_many_chunks() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock, clock.sleep)
    for _ in range(20):
        limit.consume(500)

    assert clock.now == pytest.approx(10, abs=limit.BURST)


def test_a_pause_allows_no_burst() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock, clock.sleep)
    clock.now = 60.0
    limit.consume(1000)

    assert clock.slept == pytest.approx(1, abs=limit.BURST)


def test_the_proxy_passes_bytes_on_and_counts_what_the_server_sends() -> None:
    consumed: list[int] = []
    limit = RateLimit(1e9)
    limit.consume = consumed.append  # type: ignore[assignment,method-assign]

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100).upper() * 1000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with (
            throttled_proxy("127.0.0.1", listener.getsockname()[1], limit) as port,
            socket.create_connection(("127.0.0.1", port), timeout=5) as client,
        ):
            client.sendall(b"hello")
            received = b""
            while chunk := client.recv(65536):
                received += chunk

    assert received == b"HELLO" * 1000
    assert sum(consumed) == 5000


def test_a_server_that_is_not_there_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        throttled_proxy("127.0.0.1", port, RateLimit(1000)) as proxy,
        socket.create_connection(("127.0.0.1", proxy), timeout=5) as client,
    ):
        assert client.recv(1) == b""
