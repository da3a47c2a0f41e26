"""Proxies: which one is asked for an address, and why it can't be.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count in either case; in lower case they win.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import sys
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from scripts.errors import ConfigError

CONNECT = 3.0  # seconds in which a proxy must take a connection
PORTS = {"http": 80, "https": 443}
PROXY_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
SOCKS = {"socks": "PySocks", "socksio": "socksio"}  # the packages of requests and of httpx, by module


class Proxy(NamedTuple):
    """A proxy, and the variable that names it; the address may hold a password."""

    variable: str
    address: str

    @property
    def parts(self) -> SplitResult:
        """The address, taken apart; without a scheme it is http, as curl has it."""
        return urlsplit(self.address if "://" in self.address else f"http://{self.address}")

    @property
    def place(self) -> str:
        """Scheme, host and port, without user and password.

        Raises:
            ValueError: it is no address of a proxy.
        """
        scheme, host, port = self.parts.scheme.lower(), self.parts.hostname, self.parts.port
        if scheme not in PROXY_PORTS or not host:
            raise ValueError
        return f"{scheme}://{host}:{port or PROXY_PORTS[scheme]}"


@cache
def proxies() -> dict[str, Proxy]:
    """By the scheme of an address ("http", "https"), its proxy, as it was when this process began."""
    found = {}
    for scheme in PORTS:
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
            if os.environ.get(name):
                found[scheme] = Proxy(name, os.environ[name])
                break
    return found


def proxy_for(url: str) -> Proxy | None:
    """The proxy that is asked for this address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    proxy = proxies().get(parts.scheme)
    return proxy if proxy and host and not _direct(host, port) else None


def _direct(host: str, port: int) -> bool:
    """Whether `NO_PROXY` takes the host out: by its name, its domain, its network, or `*`."""
    listed = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").replace(" ", "").split(",")
    return any(_takes_out(entry, host, port) for entry in listed if entry)


def _takes_out(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        name = entry.lstrip(".").lower()
    return any(each == name or each.endswith(f".{name}") for each in (host, f"{host}:{port}"))


def check_proxies(urls: Iterable[str]) -> list[str]:
    """Try each proxy that one of these addresses needs; returns them for a message.

    Raises:
        ConfigError: one can't be used from this machine.
    """
    needed = {proxy for url in urls if (proxy := proxy_for(url))}
    return [try_proxy(proxy) for proxy in sorted(needed)]


def try_proxy(proxy: Proxy) -> str:
    """Connect to a proxy; returns what it is, for a message.

    Raises:
        ConfigError: it can't be used from this machine.
    """
    name = proxy.variable
    try:
        place = proxy.place
    except ValueError:
        hint = f"write `{name}=http://proxy.example.com:3128`, or `unset {name}`"
        raise ConfigError(f"`{name}` is no address of a proxy", hint) from None
    missing = [package for module, package in SOCKS.items() if not importlib.util.find_spec(module)]
    if missing and place.startswith("socks"):
        raise ConfigError(
            f"`{name}` names a SOCKS proxy, `{place}`, and the packages for these are not installed",
            f"`{sys.executable} -m pip install {' '.join(missing)}`, or `unset {name}`",
        )
    end = urlsplit(place)
    try:
        with socket.create_connection((end.hostname, end.port), CONNECT):
            return f"`{name}` (`{place}`)"
    except OSError as fault:
        why = "it does not answer" if isinstance(fault, TimeoutError) else fault.strerror or "no such host"
        raise ConfigError(
            f"`{name}` names the proxy `{place}`, which can't be reached: {why}",
            f"start it, or correct `{name}`, or `unset {name}`; `NO_PROXY` lists hosts that need no proxy",
        ) from None


def for_boto(endpoint: str) -> dict[str, str] | None:
    """The proxy that `ALL_PROXY` names, which boto3 does not read; None: it finds what counts by itself."""
    proxy = proxy_for(endpoint or "https://s3.amazonaws.com")
    if proxy is None or proxy.variable.upper() != "ALL_PROXY":
        return None
    return dict.fromkeys(PORTS, proxy.address)


def for_children() -> dict[str, str]:
    """The variables through which programs find the same proxies, in the case that each of them reads."""
    variables = {f"{scheme}_proxy": proxy.address for scheme, proxy in proxies().items()}
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    if direct:
        variables["no_proxy"] = direct
    return variables | {name.upper(): value for name, value in variables.items()}
