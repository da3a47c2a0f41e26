"""Encryption with age keys; digests of what goes in and what comes out are computed in the same pass.

Files can be decrypted with the plain `age` program too, should the desk be lost.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from scripts.errors import BackupFault, ConfigError, Refused
from scripts.system.secret import Secret

BLOCK = 1024 * 1024  # bytes


@dataclass
class DigestStream:
    """A stream that counts and hashes what passes through it."""

    stream: IO[bytes]
    count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        return self._add(self.stream.read(size))

    def write(self, chunk: bytes) -> int:
        """As of a file."""
        self._add(chunk)
        return self.stream.write(chunk)

    def flush(self) -> None:
        """As of a file."""
        self.stream.flush()

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        return str(self.digest.hexdigest())

    def _add(self, chunk: bytes) -> bytes:
        self.count += len(chunk)
        self.digest.update(chunk)
        return chunk


def measure(file: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return stream.tell(), digest.hexdigest()


def encrypt(plain: Path, encrypted: Path, recipients: Sequence[str]) -> tuple[int, str, int, str]:
    """Encrypt for all recipients, and flush the result to the disk.

    Returns bytes and SHA-256 of the plain file, then of the encrypted one.

    Raises:
        ConfigError: a recipient is no age key.
    """
    import pyrage

    keys = [_recipient(key) for key in recipients]
    with plain.open("rb") as source, create_private(encrypted) as target:
        reader, writer = DigestStream(source), DigestStream(target)
        pyrage.encrypt_io(reader, writer, keys)
        target.flush()
        os.fsync(target.fileno())
    return reader.count, reader.sha256, writer.count, writer.sha256


def decrypt(encrypted: Path, plain: Path, identity: Secret) -> tuple[int, str, int, str]:
    """Decrypt; returns the same four values as `encrypt`.

    Raises:
        Refused: it is encrypted for another key, or its header is damaged.
        BackupFault: it is damaged.
    """
    import pyrage

    with encrypted.open("rb") as source, create_private(plain) as target:
        reader, writer = DigestStream(source), DigestStream(target)
        try:
            pyrage.decrypt_io(reader, writer, identities(identity))
        except (pyrage.DecryptError, OSError) as fault:
            if "No matching keys" in str(fault):
                raise Refused(
                    f"`{encrypted.name}` is not encrypted for the key that was given ({fault})",
                    "is `BACKUP_IDENTITY` the right one?",
                ) from None
            raise BackupFault(
                f"`{encrypted.name}` is damaged ({fault})", "look for another copy of it"
            ) from None
        while reader.read(BLOCK):  # bytes behind the end of the age format count as well
            pass
    return writer.count, writer.sha256, reader.count, reader.sha256


def check_recipients(recipients: Sequence[str]) -> None:
    """Check that each is a public age key.

    Raises:
        ConfigError: one is not.
    """
    for key in recipients:
        _recipient(key)


def identities(text: Secret) -> list[Any]:
    """The secret keys in the text of an age key file.

    Raises:
        ConfigError: there is none.
    """
    import pyrage

    lines = [line.strip() for line in text.reveal().splitlines()]
    try:
        keys = [
            pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")
        ]
    except pyrage.IdentityError:
        keys = []
    if not keys:
        raise ConfigError("`BACKUP_IDENTITY` holds no age key", "it looks like `AGE-SECRET-KEY-1...`")
    return keys


def create_private(file: Path) -> IO[bytes]:
    """Open a new file that only its owner can read (0600), for writing.

    Raises:
        FileExistsError: it exists.
    """
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
    secret = " (a secret key must never be there)" if text.startswith("AGE-SECRET") else ""
    raise ConfigError(
        f"`backup.recipients` holds something that is no public age key{secret}",
        "`age-keygen` prints one: `age1...`",
    )
