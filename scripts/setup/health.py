# pure
"""The rules of `doctor`: each measured value becomes a finding, with a hint if it is not ok."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

State = Literal["ok", "warning", "error"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SKEW_WARNING, SKEW_ERROR = 30.0, 300.0  # seconds; people compare the times in the ledger
OLD_DESK = 365  # days
OLDEST_PYTHON, OLDEST_GIT, OLDEST_NODE = (3, 11), (2, 38), (20, 0)


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`.

    Args:
        check: the check that made it, such as `git` or `database`.
        environment: the environment it is about; None: all of them.
        hint: how to fix it; None if the state is ok.
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
    """Nothing to do."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, hint: str) -> Finding:
    """A release may succeed, but a person should look at this."""
    return Finding(check, "warning", message, hint)


def error(check: str, message: str, hint: str) -> Finding:
    """A release would fail, or would not be safe."""
    return Finding(check, "error", message, hint)


def count_by_state(findings: Iterable[Finding]) -> dict[str, int]:
    """The number of findings in each state."""
    states = [finding.state for finding in findings]
    return {state: states.count(state) for state in ("ok", "warning", "error")}


def desk_age(version: str, released: str, now: str, hint: str) -> Finding:
    """The desk's version. Without the network only its date tells that there is a newer one by now.

    Args:
        released: the day of its release, as 2026-11-30.
        now: UTC, ISO 8601.
    """
    days = (date.fromisoformat(now[:10]) - date.fromisoformat(released)).days
    if days > OLD_DESK:
        return warning("desk", f"version {version} is {days // 30} months old", hint)
    return ok("desk", f"version {version}")


def program(name: str, version: tuple[int, ...] | None, oldest: tuple[int, ...], hint: str) -> Finding:
    """A program that this machine needs, and its oldest version that works."""
    if version is None:
        return error(name, f"`{name}` is not installed", hint)
    text = ".".join(map(str, version))
    if version < oldest:
        return error(name, f"{name} {text} is older than {'.'.join(map(str, oldest))}", hint)
    return ok(name, f"{name} {text}")


def clock_skew(source: str, seconds: float) -> Finding:
    """The difference between the clock of `source` and this machine's, in seconds."""
    message = (
        f"this clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} that of {source}"
    )
    hint = "synchronise the clock: `timedatectl set-ntp true`"
    if abs(seconds) > SKEW_ERROR:
        return error("clock", message, hint)
    if abs(seconds) > SKEW_WARNING:
        return warning("clock", message, hint)
    return ok("clock", f"within {SKEW_WARNING:.0f} s of {source}")


def supabase_cli(pinned: str | None, installed: str | None, command: str) -> Finding:
    """The version of the Supabase CLI in the app's `node_modules` against that in `package.json`.

    Args:
        command: what adds the CLI to the app, or installs the one that it pins.
    """
    install = f"`{command}`, and commit it"
    if pinned is None:
        return error("supabase-cli", "the app's `package.json` names no `supabase`", install)
    exact = pinned.lstrip("v=")
    if not exact.replace(".", "").isdigit():
        return warning(
            "supabase-cli",
            f"`supabase` is `{pinned}` in `package.json`, which is no exact version",
            install,
        )
    if installed is None:
        return error("supabase-cli", f"supabase {exact} is pinned but not installed", f"`{command}`")
    if installed != exact:
        return error(
            "supabase-cli", f"supabase {installed} is installed, {exact} is pinned", f"`{command}`"
        )
    if int(exact.split(".")[0]) < 3:
        return error(
            "supabase-cli",
            f"supabase {exact} goes ahead where it should ask first; 3.0 or newer is needed",
            install,
        )
    return ok("supabase-cli", f"supabase {exact}, as pinned")


def pg_client(server: int, clients: Sequence[int]) -> Finding:
    """The majors of `pg_dump` on this machine against a server's: an older one refuses to dump it."""
    hint = (
        f"install the client of PostgreSQL {server} or newer: `apt-get install postgresql-client-{server}`"
    )
    if not clients:
        return warning(
            "pg-client", f"no `pg_dump` on this machine, and the server is PostgreSQL {server}", hint
        )
    if max(clients) < server:
        return error("pg-client", f"`pg_dump` {max(clients)} can't dump PostgreSQL {server}", hint)
    return ok("pg-client", f"`pg_dump` {max(clients)} for PostgreSQL {server}")


def tls(host: str, mode: str, protocol: str | None) -> Finding:
    """Whether the connection to a database is encrypted, and the server's identity verified.

    Args:
        mode: libpq's `sslmode`.
        protocol: the negotiated TLS version; None: the connection is not encrypted.
    """
    hint = "`?sslmode=verify-full&sslrootcert=FILE` with the certificate from Supabase's database settings"
    if host in LOOPBACK:
        return ok("tls", f"{protocol or 'not encrypted'}, on this machine")
    if protocol is None or mode in ("disable", "allow", "prefer"):
        message = f"`sslmode={mode}` may send the password in clear ({protocol or 'no TLS'} now)"
        return error("tls", message, hint)
    if mode != "verify-full":
        return warning("tls", f"{protocol}, but `sslmode={mode}` does not verify the server", hint)
    return ok("tls", f"{protocol}, and the server is verified")


def file_mode(name: str, bits: int) -> Finding:
    """Whether only its owner can read a file with secrets."""
    if bits & 0o077:
        return error("files", f"`{name}` can be read by others ({bits:04o})", f"`chmod 600 {name}`")
    return ok("files", f"only its owner can read `{name}`")
