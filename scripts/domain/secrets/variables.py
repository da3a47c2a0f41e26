"""Variables as they were written: in which file, on which line, for which environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from scripts.domain.secrets import kinds

PROCESS = "process environment"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104 - names to know, not to bind to
HOSTED = (".supabase.co", ".supabase.in", ".supabase.net")


@dataclass(frozen=True)
class Variable:
    """One variable; `line` is None for what the process environment says."""

    name: str
    value: str = field(repr=False)
    file: str
    line: int | None = None


@dataclass(frozen=True)
class Written:
    """All that was written down for one environment.

    Args:
        file: what its file is called in messages.
        variables: in order, a name that stands there twice twice; the process environment's last.
        faults: the numbers of lines that not all parsers read alike.
        kind: the values of an environment; a committed example, whose values are placeholders; or what a
            build reads besides (the app's own `.env` files, public names of the process).
        exposed: why others can read the file, each with how to mend it.
    """

    environment: str
    file: str
    variables: tuple[Variable, ...] = ()
    faults: tuple[int, ...] = ()
    kind: Literal["values", "example", "build"] = "values"
    exposed: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> Mapping[str, Variable]:
        """The variables that count: the last of each name."""
        return {each.name: each for each in self.variables}

    def value(self, name: str) -> str:
        """The value that counts; empty where there is none."""
        found = self.values.get(name)
        return found.value if found else ""


@dataclass(frozen=True)
class Public:
    """Which variables reach a browser: by their prefix, or because the build is given them."""

    prefixes: tuple[str, ...]
    built: tuple[str, ...] = ()

    def prefix(self, name: str) -> str | None:
        """The public prefix of a name; "" for one that the build is given without a prefix."""
        found = kinds.public_prefix(name, self.prefixes)
        return "" if found is None and name in self.built else found

    def secrets(self, variables: Iterable[Variable]) -> list[Variable]:
        """Those that hold a secret, under whatever name."""
        return [
            each
            for each in variables
            if kinds.is_secret(each.name, each.value, self.prefix(each.name) or "")
        ]


def address(value: str) -> SplitResult | None:
    """The parts of an address, None for what can't be read as one."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def is_local(parts: SplitResult | None) -> bool:
    """Whether the address is one of the machine that asks."""
    host = (parts.hostname or "") if parts else ""
    return host in LOOPBACK or host.endswith(".localhost") or host.startswith("127.")


def project(value: str) -> str:
    """The Supabase project that an address belongs to; empty for any other address."""
    parts = address(value)
    host = (parts.hostname or "").lower() if parts else ""
    if parts and host.endswith(".pooler.supabase.com"):
        return (parts.username or "").partition(".")[2].lower()
    if host.endswith(HOSTED):
        return host.removeprefix("db.").partition(".")[0]
    return ""
