# pure
"""What a healthy desk looks like: each answer of the world becomes a finding with its hint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "error"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SKEW_NOTED, SKEW_TOO_MUCH = 30.0, 300.0  # seconds; times in the ledger are compared by people
OLDEST_PYTHON, OLDEST_GIT, OLDEST_NODE = (3, 11), (2, 38), (20, 0)


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`.

    Args:
        check: which of the checks says so, such as `git` or `database`.
        environment: the environment that it is about; None for all of them.
        hint: what mends it; None where nothing has to be mended.
    """

    check: str
    state: State
    message: str
    hint: str | None = None
    environment: str | None = None

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def ok(check: str, message: str) -> Finding:
    """As it should be."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, hint: str) -> Finding:
    """A release may pass; somebody should look."""
    return Finding(check, "warning", message, hint)


def error(check: str, message: str, hint: str) -> Finding:
    """A release would fail, or not be safe."""
    return Finding(check, "error", message, hint)


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each state."""
    states = [each.state for each in findings]
    return {state: states.count(state) for state in ("ok", "warning", "error")}


def program(name: str, found: tuple[int, ...] | None, oldest: tuple[int, ...], hint: str) -> Finding:
    """A program that this machine has to have, from a version on."""
    if found is None:
        return error(name, f"`{name}` is not installed", hint)
    said = ".".join(map(str, found))
    if found < oldest:
        return error(name, f"{name} {said} is older than {'.'.join(map(str, oldest))}", hint)
    return ok(name, f"{name} {said}")


def skew(source: str, seconds: float) -> Finding:
    """How far this machine's clock is from another one."""
    away = f"this clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} that of {source}"
    hint = "set the clock by the network: `timedatectl set-ntp true`"
    if abs(seconds) > SKEW_TOO_MUCH:
        return error("clock", away, hint)
    if abs(seconds) > SKEW_NOTED:
        return warning("clock", away, hint)
    return ok("clock", f"within {SKEW_NOTED:.0f} s of {source}")


def cli(pinned: str | None, installed: str | None) -> Finding:
    """The Supabase CLI in the app's `node_modules` against `package.json`."""
    install = "`npm install --save-dev --save-exact supabase@3.1.0` in the app, and commit it"
    if pinned is None:
        return error("supabase-cli", "the app's `package.json` names no `supabase`", install)
    exact = pinned.lstrip("v=")
    if not exact.replace(".", "").isdigit():
        return warning(
            "supabase-cli", f"`supabase` is `{pinned}` in `package.json`, no exact version", install
        )
    if installed is None:
        return error(
            "supabase-cli", f"supabase {exact} is pinned, and not installed", "`npm ci` in the app"
        )
    if installed != exact:
        return error(
            "supabase-cli", f"supabase {installed} is installed, {exact} is pinned", "`npm ci` in the app"
        )
    if int(exact.split(".")[0]) < 3:
        return error("supabase-cli", f"supabase {exact} answers its own questions with yes", install)
    return ok("supabase-cli", f"supabase {exact}, as pinned")


def client(server: int, clients: Sequence[int]) -> Finding:
    """The PostgreSQL programs of this machine against a server's major: an older `pg_dump` refuses it."""
    hint = (
        f"install the client of PostgreSQL {server} or newer: `apt-get install postgresql-client-{server}`"
    )
    if not clients:
        return warning("pg-client", f"no `pg_dump` here, and the server is PostgreSQL {server}", hint)
    if max(clients) < server:
        return error("pg-client", f"`pg_dump` {max(clients)} can't dump PostgreSQL {server}", hint)
    return ok("pg-client", f"`pg_dump` {max(clients)} for PostgreSQL {server}")


def tls(host: str, mode: str, protocol: str | None) -> Finding:
    """How the connection to a database is kept from others.

    `mode` is libpq's `sslmode`; `protocol` what was agreed on, None for a connection in clear.
    """
    hint = "`?sslmode=verify-full&sslrootcert=FILE` with the certificate from Supabase's database settings"
    if host in LOOPBACK:
        return ok("tls", f"{protocol or 'in clear'}, on this machine")
    if protocol is None or mode in ("disable", "allow", "prefer"):
        said = f"`sslmode={mode}` may send the password in clear ({protocol or 'no TLS'} now)"
        return error("tls", said, hint)
    if mode != "verify-full":
        return warning("tls", f"{protocol}, but `sslmode={mode}` does not prove who answers", hint)
    return ok("tls", f"{protocol}, and the server's name is proven")


def mode(name: str, bits: int) -> Finding:
    """Who may read a file with secrets."""
    if bits & 0o077:
        return error("files", f"`{name}` can be read by others ({bits:04o})", f"`chmod 600 {name}`")
    return ok("files", f"`{name}` is its owner's alone")
