"""Where backups lie: a folder of this machine. A backup is there when its manifest is, and not before."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from scripts.errors import CommandFailed, Refused

MANIFEST = "MANIFEST.json"


class Store(Protocol):
    """The backups of one environment in one place."""

    @property
    def place(self) -> str:
        """In words for people."""

    def ids(self) -> list[str]:
        """The complete ones, oldest first."""

    def manifest(self, backup: str) -> bytes:
        """Its manifest.

        Raises:
            Refused: there is no such backup.
        """

    def put(self, backup: str, folder: Path, names: Sequence[str], manifest: bytes) -> None:
        """Take these files of a folder, see that they arrived, then show the backup by its manifest.

        Raises:
            Refused: one of that name is there already.
            CommandFailed: it could not be written; nothing is visible.
        """

    def get(self, backup: str, name: str, target: Path) -> None:
        """Bring one of its files to `target`, which is not there yet."""

    def remove(self, backup: str) -> None:
        """Manifest first: what is half removed is no backup. Harmless when it is gone."""


class Folder:
    """The backups below a folder, each in one of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """As in `Store`."""
        return str(self.folder)

    def ids(self) -> list[str]:
        """As in `Store`."""
        return sorted(each.parent.name for each in self.folder.glob(f"[0-9]*/{MANIFEST}"))

    def manifest(self, backup: str) -> bytes:
        """As in `Store`."""
        try:
            return (self.folder / backup / MANIFEST).read_bytes()
        except OSError:
            raise Refused(
                f"there is no backup `{backup}` in `{self.folder}`", "`invoke backup.list`"
            ) from None

    def put(self, backup: str, folder: Path, names: Sequence[str], manifest: bytes) -> None:
        """As in `Store`: the folder itself is renamed, so it has to lie on the same disk."""
        target = self.folder / backup
        try:
            write_durably(folder / MANIFEST, manifest)
            unexpected = {each.name for each in folder.iterdir()} - {*names, MANIFEST}
            for name in unexpected:
                (folder / name).unlink()
            sync(folder)
            folder.rename(target)  # onto an existing, filled one: refused by the system
            sync(self.folder)
        except OSError as fault:
            raise CommandFailed(f"`{target}` can't be written: {fault.strerror}") from None

    def get(self, backup: str, name: str, target: Path) -> None:
        """As in `Store`: a second name for the same bytes where that is possible."""
        source = self.folder / backup / name
        try:
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        except OSError as fault:
            raise Refused(f"`{name}` of the backup `{backup}` can't be read: {fault.strerror}") from None

    def remove(self, backup: str) -> None:
        """As in `Store`."""
        target = self.folder / backup
        try:
            (target / MANIFEST).unlink(missing_ok=True)
            sync(target) if target.exists() else None
            shutil.rmtree(target, ignore_errors=True)
        except OSError as fault:
            raise CommandFailed(f"`{target}` can't be removed: {fault.strerror}") from None


def write_durably(file: Path, content: bytes) -> None:
    """A new file (0600), on the disk before this returns."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync(path: Path) -> None:
    """A file, or a folder's names, onto the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(PermissionError):
            os.fsync(number)
    finally:
        os.close(number)
