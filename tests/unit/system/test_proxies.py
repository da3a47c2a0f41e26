"""Proxies: which address goes through which, and what is said of one that can't be used."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from scripts.errors import ConfigError
from scripts.system import proxies
from scripts.system.proxies import check_proxies, for_boto, for_children, proxy_for

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable is set but those of the test."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    proxies.proxies.cache_clear()
    yield
    proxies.proxies.cache_clear()


def test_one_variable_counts_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ALL_PROXY` reaches programs that read the others only, boto3 among them; `NO_PROXY` goes along."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "corp, 10.0.0.0/8")

    given = for_children()

    assert {given[name] for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")} == {
        "http://proxy:3128"
    }
    assert given["NO_PROXY"] == given["no_proxy"] == "corp, 10.0.0.0/8"
    assert for_boto("https://s3.example") == {"http": "http://proxy:3128", "https": "http://proxy:3128"}
    assert for_boto("https://s3.corp") is None
    assert proxy_for("https://10.1.2.3/") is None
    assert proxy_for("git@github.com:team/app.git") is None


def test_what_can_not_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port, no proxy at all, and a SOCKS proxy without its packages; each with the variable."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    said = {}
    for address in (
        f"http://me:hidden@127.0.0.1:{port}",
        "ftp://x:hidden@y",
        "socks5://me:hidden@127.0.0.1:9",
    ):
        monkeypatch.setenv("HTTPS_PROXY", address)
        proxies.proxies.cache_clear()
        with pytest.raises(ConfigError) as caught:
            check_proxies(["https://app.example/"])
        said[address[:4]] = f"{caught.value.message}\n{caught.value.hint}"
        assert check_proxies(["http://app.example/"]) == []

    assert "hidden" not in "".join(said.values())
    assert all("`HTTPS_PROXY`" in text and "`unset HTTPS_PROXY`" in text for text in said.values())
    assert f"`http://127.0.0.1:{port}`, which can't be reached" in said["http"]
    assert "-m pip install PySocks socksio`" in said["sock"]


def test_one_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried by a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("https_proxy", place)

        assert check_proxies(["https://app.example/"]) == [f"`https_proxy` (`{place}`)"]
