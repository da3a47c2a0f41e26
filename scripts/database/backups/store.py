"""A backup store, and the one in a folder of this machine. A backup exists once its manifest does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from scripts.database.backups.encryption import create_private
from scripts.database.backups.manifest import MANIFEST
from scripts.errors import CommandFailed, Refused
from scripts.system import temporary

STAGING = ".partial-"


class Store(Protocol):
    """The backups of one environment in one place."""

    @property
    def place(self) -> str:
        """A path or URL, for people."""

    def ids(self) -> list[str]:
        """The complete backups, oldest first."""

    def manifest(self, backup: str) -> bytes:
        """Its manifest.

        Raises:
            Refused: there is no such backup.
        """

    def put(self, backup: str, folder: Path, names: Sequence[str], manifest: bytes) -> None:
        """Store these files of a folder, check that they arrived, then write the manifest.

        Raises:
            Refused: a backup with that id exists.
            CommandFailed: it could not be written; no backup is visible.
        """

    def get(self, backup: str, name: str, target: Path) -> None:
        """Copy one of its files to `target`, which must not exist.

        Raises:
            Refused: there is no such file.
        """

    def remove(self, backup: str) -> None:
        """Remove the manifest first: what is half removed is no backup. Harmless if it is gone."""


class FolderStore:
    """The backups in a folder, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """As in `Store`."""
        return str(self.folder)

    def ids(self) -> list[str]:
        """As in `Store`."""
        return sorted(path.parent.name for path in self.folder.glob(f"[0-9]*/{MANIFEST}"))

    def manifest(self, backup: str) -> bytes:
        """As in `Store`."""
        try:
            return (self.folder / backup / MANIFEST).read_bytes()
        except OSError:
            raise Refused(
                f"there is no backup `{backup}` in `{self.folder}`", "`invoke backup.list`"
            ) from None

    def put(self, backup: str, folder: Path, names: Sequence[str], manifest: bytes) -> None:
        """As in `Store`: the folder itself is renamed, so it has to be on the same disk (`staging`)."""
        target = self.folder / backup
        try:
            with create_private(folder / MANIFEST) as file:
                file.write(manifest)
                file.flush()
                os.fsync(file.fileno())
            for name in {path.name for path in folder.iterdir()} - {*names, MANIFEST}:
                (folder / name).unlink()
            sync(folder)
            folder.rename(target)  # fails if the target exists and has files in it
            sync(self.folder)
        except OSError as fault:
            raise CommandFailed(f"`{target}` can't be written: {fault.strerror}") from None

    def get(self, backup: str, name: str, target: Path) -> None:
        """As in `Store`: a hard link where that is possible."""
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
            if target.exists():
                sync(target)
            shutil.rmtree(target, ignore_errors=True)
        except OSError as fault:
            raise CommandFailed(f"`{target}` can't be removed: {fault.strerror}") from None

    @contextlib.contextmanager
    def staging(self, label: str) -> Iterator[Path]:
        """A staging folder (0700) on the backups' disk, removed at the end.

        Raises:
            CommandFailed: it can't be created.
        """
        with contextlib.ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.folder.chmod(0o700)
                self.clear()
                staging = stack.enter_context(temporary.folder(self.folder, STAGING, f"{label}-"))
            except OSError as fault:
                raise CommandFailed(
                    f"nothing can be created in `{self.folder}`: {fault.strerror}"
                ) from None
            yield staging

    def clear(self) -> list[str]:
        """Remove staging folders of killed runs, and half-removed backups; returns their names."""
        half_removed = [
            path
            for path in self.folder.glob("[0-9]*")
            if path.is_dir() and not (path / MANIFEST).exists() and temporary.is_old(path)
        ]
        for path in half_removed:
            shutil.rmtree(path, ignore_errors=True)
        return [*temporary.clear_abandoned(self.folder, STAGING), *(path.name for path in half_removed)]


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(PermissionError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
