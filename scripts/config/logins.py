"""Sign-ins at Replit's MCP server (`invoke replit.login`): one file for each server, on this machine only.

Each machine signs in by itself: a token for renewal is good for one use, so two machines can't share one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from scripts.config.env_files import readable_by_others
from scripts.errors import ConfigError, Locked
from scripts.system import file_lock
from scripts.system.documents import parse_json
from scripts.system.secret import remember

FOLDER = "logins"
LARGEST = 256 * 1024  # bytes; a real one has about 1 000
MARGIN = 60.0  # seconds before its end at which a token counts as expired: a Publish takes a while


@dataclass(frozen=True)
class Login:
    """What a sign-in gave.

    Args:
        server: the address of the MCP server.
        token_url, revoke_url: of its authorization server; the second may be "".
        client_id, client_secret, method: how this machine was registered there (RFC 7591).
        resource: what the tokens are for (RFC 8707); "" where the server does not say.
        access: the token that opens the server.
        refresh: the token that renews the first; "" for none.
        expires: when `access` ends, in seconds since 1970; 0 where the server does not say.
    """

    server: str
    token_url: str
    revoke_url: str
    client_id: str
    client_secret: str = field(repr=False)
    method: str
    resource: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires: float

    def expired(self) -> bool:
        """Whether the token has ended, or is about to."""
        return bool(self.expires) and time.time() > self.expires - MARGIN

    @property
    def usable(self) -> bool:
        """Whether it opens the server, or can be renewed, as far as this machine can tell."""
        return bool(self.refresh) or not self.expired()


def file_of(state_folder: Path, server: str) -> Path:
    """Where the sign-in at that server lies."""
    host = urlsplit(server).hostname or "server"
    return state_folder / FOLDER / f"{host}-{hashlib.sha256(server.encode()).hexdigest()[:12]}.json"


def read(file: Path) -> Login | None:
    """The sign-in; None where there is none. Its tokens are masked from now on.

    Raises:
        ConfigError: the file is no sign-in, or others can read it.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ConfigError(f"`{file}` can't be read: {fault.strerror}") from None
    if readable_by_others(file):
        raise ConfigError(f"others on this machine can read the tokens in `{file}`", f"`chmod 600 {file}`")
    try:
        login = Login(**parse_json(raw[:LARGEST]))
        texts = [value for name, value in asdict(login).items() if name != "expires"]
        login = replace(login, expires=float(login.expires))
        sound = all(isinstance(text, str) for text in texts) and login.access
    except (ValueError, TypeError):
        sound = False
    if not sound:
        raise ConfigError(f"`{file}` is damaged", "`invoke replit.login` replaces it")
    mask(login)
    return login


def write(file: Path, login: Login) -> None:
    """Replace the file at once, readable by its owner only, and on the disk before anybody uses it."""
    mask(login)
    write_private(file, json.dumps(asdict(login), indent=2))


def write_private(file: Path, text: str) -> None:
    """Replace a file in one step: 0600 from its first byte on."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


def mask(login: Login) -> None:
    """Show none of its secrets from now on."""
    for value in (login.access, login.refresh, login.client_secret):
        if value:
            remember(value, "the sign-in at Replit")


@contextlib.contextmanager
def held(file: Path, seconds: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Keep other runs of this machine from the file; the kernel ends it with the process.

    Raises:
        Locked: somebody else has held it for that long.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    lock = file.with_suffix(".lock")
    while (handle := file_lock.acquire(lock)) is None:
        if time.monotonic() > end:
            why = f"another run has been renewing the sign-in at Replit for {seconds:.0f} s"
            raise Locked(why, "try again when it has ended")
        sleep(0.1)
    try:
        yield
    finally:
        file_lock.release(lock, handle)
