"""A data folder as `initdb` made it, kept so that the next scratch server is a copy of it.

It lies in a folder of the desk's own (0700) under a name for all that it depends on, and is never started.
A copy counts only if all of it, byte by byte, is what was kept: otherwise it is made anew. Who can't use
it, for whatever reason, runs `initdb`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.system import temporary

PREFIX, PARTIAL = "cluster-", ".partial-cluster-"
DATA, DIGEST = "data", "sha256"
UNUSED = 30 * 86_400.0  # seconds after which one that nobody copied is removed
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
LARGEST = 256 * 1024 * 1024  # bytes: a fresh one has about 40 MB


@dataclass(frozen=True)
class KeptCluster:
    """One of them, in a folder beside others.

    Args:
        folder: where they are kept.
        key: names all that it depends on; letters and digits.
    """

    folder: Path
    key: str

    def copy_to(self, target: Path, owner: int | None = None) -> bool:
        """Copy it to `target`, which must not exist; False, and nothing is there, if that can't be done.

        Args:
            owner: the user who is to own the copy.
        """
        kept = self._place
        try:
            expected = (kept / DIGEST).read_text()
            whole = _copied(kept / DATA, target, owner) == expected
        except (FileNotFoundError, ValueError):
            whole = False
        except OSError:  # no space for the copy, say
            shutil.rmtree(target, ignore_errors=True)
            return False
        if whole:
            with suppress(OSError):
                os.utime(kept)
            return True
        for useless in (kept, target):
            shutil.rmtree(useless, ignore_errors=True)
        return False

    def keep(self, source: Path) -> None:
        """Keep a copy of a data folder that no server uses; harmless if that can't be done."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            with temporary.folder(self.folder, PARTIAL) as partial:
                made = partial / "made"
                made.mkdir(mode=0o700)
                (made / DIGEST).write_text(_copied(source, made / DATA, None))
                made.rename(self._place)  # fails if another run was first
        except (OSError, ValueError):
            pass

    @property
    def _place(self) -> Path:
        return self.folder / f"{PREFIX}{self.key}"

    def _sweep(self) -> None:
        """Remove those that nobody has used for long: of programs that are gone."""
        for other in self.folder.glob(f"{PREFIX}*"):
            if time.time() - other.stat().st_mtime > UNUSED:
                # renamed first: nobody is to copy one that is half removed, though that would be noticed
                doomed = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=self.folder))
                other.rename(doomed / "old")
                shutil.rmtree(doomed, ignore_errors=True)


def key_of(programs: Path, *parts: str) -> str:
    """Names the programs in a folder as they are now, and the parts."""
    named = [*parts, str(programs.resolve())]
    for name in ("postgres", "initdb"):
        found = (programs / name).resolve().stat()
        named.append(f"{name} {found.st_size} {found.st_mtime_ns} {found.st_ino}")
    return hashlib.sha256("\0".join(named).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _copied(source: Path, target: Path, owner: int | None) -> str:
    """Copy a folder; returns the SHA-256 of all names and contents.

    Raises:
        ValueError: it holds something other than folders and files, or too much.
        OSError: it can't be read or written.
    """
    digest, total = hashlib.sha256(), 0
    target.mkdir(mode=0o700)
    _give(target, owner)
    for path, is_folder in _below(source):
        place = target / path
        if is_folder:
            digest.update(f"{path}/\0".encode())
            place.mkdir(mode=0o700)
        else:
            with (source / path).open("rb") as file:
                content = file.read(LARGEST - total + 1)
            total += len(content)
            if total > LARGEST:
                raise ValueError("it is too large")
            digest.update(f"{path}\0{len(content)}\0".encode())
            digest.update(content)
            with os.fdopen(os.open(place, NEW, 0o600), "wb") as file:
                file.write(content)
        _give(place, owner)
    return digest.hexdigest()


def _below(source: Path, inside: str = "") -> Iterator[tuple[str, bool]]:
    """The paths below a folder, sorted, each folder before what is in it, and whether it is a folder."""
    with os.scandir(source / inside) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{inside}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.is_file(follow_symlinks=False):
            raise ValueError(f"`{path}` is neither a folder nor a file")
        yield path, is_folder
        if is_folder:
            yield from _below(source, f"{path}/")


def _give(path: Path, owner: int | None) -> None:
    if owner is not None:
        os.chown(path, owner, owner)
