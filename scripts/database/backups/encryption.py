"""Encrypting for age keys, and the digests of what goes in and comes out, in one pass.

The format is age's: a file opens with the plain `age` program too, should the desk be lost.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from scripts.errors import ConfigError, Refused
from scripts.system.secret import Secret

BLOCK = 1024 * 1024
PUBLIC = ("age1", "ssh-")  # how a key begins that may stand in a committed file


@dataclass
class Counted:
    """A stream that counts and digests what passes through it."""

    stream: IO[bytes]
    count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        return self._noted(self.stream.read(size))

    def write(self, some: bytes) -> int:
        """As of a file."""
        self._noted(some)
        return self.stream.write(some)

    def flush(self) -> None:
        """As of a file."""
        self.stream.flush()

    @property
    def sha256(self) -> str:
        """Of all that has passed."""
        return str(self.digest.hexdigest())

    def _noted(self, some: bytes) -> bytes:
        self.count += len(some)
        self.digest.update(some)
        return some


def measured(file: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return stream.tell(), digest.hexdigest()


def seal(plain: Path, sealed: Path, recipients: Sequence[str]) -> tuple[int, str, int, str]:
    """Encrypt to all recipients; bytes and SHA-256 of the plain and of the sealed file, which is on disk.

    Raises:
        ConfigError: a recipient is no age key.
    """
    import pyrage

    keys = [_recipient(each) for each in recipients]
    with plain.open("rb") as source, opened_new(sealed) as target:
        reader, writer = Counted(source), Counted(target)
        pyrage.encrypt_io(reader, writer, keys)
        target.flush()
        os.fsync(target.fileno())
    return reader.count, reader.sha256, writer.count, writer.sha256


def unseal(sealed: Path, plain: Path, identity: Secret) -> tuple[int, str, int, str]:
    """Decrypt; the same four values.

    Raises:
        Refused: it is for another key, or damaged.
    """
    import pyrage

    with sealed.open("rb") as source, opened_new(plain) as target:
        reader, writer = Counted(source), Counted(target)
        try:
            pyrage.decrypt_io(reader, writer, identities(identity))
        except (pyrage.DecryptError, OSError) as fault:
            foreign = "No matching keys" in str(fault)
            why = "is not encrypted for the key that was given" if foreign else "is damaged"
            hint = "is `BACKUP_IDENTITY` the right one?" if foreign else "look for another copy of it"
            raise Refused(f"`{sealed.name}` {why} ({fault})", hint) from None
        while reader.read(BLOCK):  # what stands behind the end counts as well
            pass
    return writer.count, writer.sha256, reader.count, reader.sha256


def check_recipients(recipients: Sequence[str]) -> None:
    """See that each is a public age key.

    Raises:
        ConfigError: one is not.
    """
    for each in recipients:
        _recipient(each)


def identities(text: Secret) -> list[Any]:
    """The secret keys in the text of an age key file.

    Raises:
        ConfigError: there is none.
    """
    import pyrage

    lines = [line.strip() for line in text.reveal().splitlines()]
    keys = [line for line in lines if line.startswith("AGE-SECRET-KEY-")]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in keys]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise ConfigError("`BACKUP_IDENTITY` holds no age key", "it looks like `AGE-SECRET-KEY-1...`")
    return found


def opened_new(file: Path) -> IO[bytes]:
    """A file of our own that was not there before, and that nobody else can read."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _recipient(text: str) -> Any:
    import pyrage

    try:
        if text.startswith("age1"):
            return pyrage.x25519.Recipient.from_str(text)
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
    except pyrage.RecipientError:
        pass
    secret = " (a secret key must never stand there)" if text.startswith("AGE-SECRET") else ""
    raise ConfigError(
        f"`backup.recipients` holds something that is no public age key{secret}",
        "`age-keygen` prints one: `age1...`",
    )
