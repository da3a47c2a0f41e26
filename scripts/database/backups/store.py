"""A backup store, and the one in a folder of this machine. A backup exists once its manifest does."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from scripts.database.backups.encryption import create_private, measure
from scripts.database.backups.manifest import MANIFEST
from scripts.database.counting import Tell, silent
from scripts.errors import BackupFault, CommandFailed, Unreachable
from scripts.system import temporary

STAGING = ".partial-"
REMOVED = ".removed-"  # before the id of a backup that is being removed
T = TypeVar("T")


class Store(Protocol):
    """The backups of one environment in one place.

    Every method raises `Unreachable` if the place can't be read, or refuses access: then nobody knows
    what is in it. `BackupFault` means that the place was read, and what was asked for is not in it.
    """

    @property
    def place(self) -> str:
        """A path or URL, for people."""

    def ids(self) -> list[str]:
        """The complete backups, oldest first."""

    def sizes(self, backup: str) -> dict[str, int]:
        """The bytes of each of its files, the manifest's too; {} if nothing of it is there."""

    def manifest(self, backup: str) -> bytes:
        """Its manifest.

        Raises:
            BackupFault: there is no such backup.
        """

    def digest(self, backup: str, name: str) -> tuple[int, str]:
        """Read one of its files to the end; returns bytes and SHA-256.

        Raises:
            BackupFault: there is no such file.
        """

    def put(
        self, backup: str, folder: Path, names: Sequence[str], manifest: bytes, *, tell: Tell = silent
    ) -> None:
        """Store these files of a folder, check that they arrived, then write the manifest.

        `tell` is told how many bytes more have gone over a network.

        Raises:
            Refused: a backup with that id exists.
            CommandFailed: it could not be written; no backup is visible.
        """

    def get(self, backup: str, name: str, target: Path) -> None:
        """Copy one of its files to `target`, which must not exist.

        Raises:
            BackupFault: there is no such file.
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
        """As in `Store`; a backup whose folder can't be read is taken for complete."""
        try:
            names = _read(self.folder, os.listdir, "")
        except BackupFault:
            return []
        return sorted(name for name in names if name[:1].isdigit() and self._is_complete(name))

    def sizes(self, backup: str) -> dict[str, int]:
        """As in `Store`; what is no regular file, such as a broken symbolic link, is not there."""
        try:
            return _read(self.folder / backup, _sizes, "")
        except BackupFault:
            return {}

    def manifest(self, backup: str) -> bytes:
        """As in `Store`."""
        missing = f"there is no backup `{backup}` in `{self.folder}`"
        return _read(self.folder / backup / MANIFEST, lambda file: _regular(file).read_bytes(), missing)

    def digest(self, backup: str, name: str) -> tuple[int, str]:
        """As in `Store`."""
        missing = f"`{name}` is missing"
        return _read(self.folder / backup / name, lambda file: measure(_regular(file)), missing)

    def put(
        self,
        backup: str,
        folder: Path,
        names: Sequence[str],
        manifest: bytes,
        *,
        tell: Tell = silent,  # noqa: ARG002 - no network
    ) -> None:
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

        def copy(file: Path) -> None:
            source = _regular(file).resolve()
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)

        _read(self.folder / backup / name, copy, f"`{name}` of the backup `{backup}` is missing")

    def remove(self, backup: str) -> None:
        """As in `Store`: renamed first, so that a removal that is killed is told from a lost manifest."""
        target, doomed = self.folder / backup, self.folder / f"{REMOVED}{backup}"
        try:
            if os.path.lexists(target):
                target.rename(doomed)
                sync(self.folder)
            _remove(doomed)
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
        """Remove what killed runs left: staging folders, and half-removed backups; returns their names."""
        half_removed = list(self.folder.glob(f"{REMOVED}*"))
        for path in half_removed:
            _remove(path)
        return [
            *temporary.clear_abandoned(self.folder, STAGING),
            *(path.name.removeprefix(REMOVED) for path in half_removed),
        ]

    def _is_complete(self, backup: str) -> bool:
        try:
            return MANIFEST in self.sizes(backup)
        except Unreachable:
            return True


def _remove(path: Path) -> None:
    """Remove a folder, or a symbolic link to one with what it leads to."""
    if path.is_symlink():
        shutil.rmtree(path.resolve(), ignore_errors=True)
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _read(path: Path, read: Callable[[Path], T], missing: str) -> T:
    """What `read` returns.

    Raises:
        BackupFault: with the message `missing`, if the path is not there.
        Unreachable: it can't be read: rights, a broken disk.
    """
    try:
        return read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise BackupFault(missing) from None
    except OSError as fault:
        hint = "is it readable for you, and the disk in order?"
        raise Unreachable(f"`{path}` can't be read: {fault.strerror}", hint) from None


def _regular(file: Path) -> Path:
    """The file, if it is one: reading a pipe would never end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise BackupFault(f"`{file.name}` is no regular file")
    return file


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(PermissionError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
