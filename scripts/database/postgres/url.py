"""A database's URL, split so that its password is never on a command line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from scripts.config.addresses import ENCODING, password_fault
from scripts.errors import ConfigError
from scripts.system.network import trusted
from scripts.system.secret import Secret

POOLERS = (6543, 6432)  # Supavisor's and PgBouncer's: session locks leak through a transaction pooler
OPTIONS = {"sslmode", "sslrootcert"}
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Database:
    """A database and its user; `sslmode` and `sslrootcert` as in libpq."""

    host: str
    port: int
    name: str
    user: str
    password: Secret
    sslmode: str
    sslrootcert: str | None = None

    @property
    def url(self) -> str:
        """The URL without its password, for a command line."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user, name = quote(self.user, safe=""), quote(self.name, safe="")
        return f"postgresql://{user}@{host}:{self.port}/{name}"

    @property
    def environment(self) -> dict[str, str]:
        """The rest, as variables for libpq and the Supabase CLI."""
        variables = {"PGPASSWORD": self.password.reveal(), "PGSSLMODE": self.sslmode}
        if self.sslrootcert:
            variables["PGSSLROOTCERT"] = self.sslrootcert
        return variables


def parse_database(url: str, password: str | None, *, where: str, folder: Path) -> Database:
    """Read `DATABASE_URL` and `DATABASE_PASSWORD`.

    Without `sslmode`, TLS is required except on loopback. `where` names the source in messages; a
    relative `sslrootcert` is in `folder`.

    Raises:
        ConfigError: the URL is invalid; its text is never shown, because it may contain a password.
    """
    parts, port = _address(url, where)
    options = _options(parts.query, where)
    certificate = options.get("sslrootcert")
    if certificate and not (folder / certificate).is_file():
        raise _unusable(where, "`sslrootcert` names no file")
    host = parts.hostname or ""
    mode = options.get("sslmode", "prefer" if host in LOOPBACK else "require")
    return Database(
        host=host,
        port=port,
        name=unquote(parts.path.strip("/")),
        user=unquote(parts.username or "postgres"),
        password=Secret(password if password is not None else unquote(parts.password or "")),
        sslmode=mode,
        sslrootcert=str(folder / certificate) if certificate else _trusted(mode),
    )


def _trusted(mode: str) -> str | None:
    """What the machine's variables name, for a mode that verifies; None where libpq has its own file."""
    own = "PGSSLROOTCERT" in os.environ or Path("~/.postgresql/root.crt").expanduser().is_file()
    file = trusted() if mode.startswith("verify-") and not own else None
    return str(file) if file else None


def _address(url: str, where: str) -> tuple[SplitResult, int]:
    """Host, port and the rest of a URL whose server keeps sessions."""
    fault = password_fault(url)
    if fault:
        raise ConfigError(f"`DATABASE_URL` of {where} can't be used: {fault[0]}", fault[1])
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        raise _unusable(where, "it can't be read as an address") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise _unusable(where, "it should begin with `postgresql://`")
    if not parts.hostname or not parts.path.strip("/"):
        raise _unusable(where, "it should name a host and a database")
    if port in POOLERS:
        raise _unusable(where, f"port {port} is a transaction pooler's, where session locks leak")
    if "/" in parts.path.strip("/"):
        raise _unusable(where, ENCODING)
    return parts, port


def _options(query: str, where: str) -> dict[str, str]:
    """The options in the URL; `+` is a plus sign, as in libpq."""
    pairs = (part.split("=", 1) for part in query.split("&") if "=" in part)
    options = {unquote(key): unquote(value) for key, value in pairs}
    unknown = ", ".join(f"`{key}`" for key in sorted(set(options) - OPTIONS))
    if unknown:
        raise _unusable(where, f"of its options only `sslmode` and `sslrootcert` are known, not {unknown}")
    if options.get("sslmode", "require") not in MODES:
        raise _unusable(where, f"`sslmode` is one of {', '.join(MODES)}")
    return options


def _unusable(where: str, why: str) -> ConfigError:
    return ConfigError(
        f"`DATABASE_URL` of {where} can't be used: {why}",
        "it looks like `postgresql://postgres@db.<project>.supabase.co:5432/postgres`",
    )
