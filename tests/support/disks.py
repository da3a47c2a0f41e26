"""A small disk that a test can fill up, and make free again: a tmpfs, which only root may mount."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A file system of its own; where none could be mounted, an ordinary folder that never gets full."""

    folder: Path
    megabytes: int
    real: bool

    def fill(self) -> None:
        """Not one more byte fits, from now on: the disk shrinks to what is on it."""
        while self.real and not self._sized(self._used()):
            pass  # it grew meanwhile

    def free(self) -> None:
        """There is room again."""
        if self.real:
            self._sized(self.megabytes * 1024)

    def _used(self) -> int:
        about = os.statvfs(self.folder)
        return (about.f_blocks - about.f_bfree) * about.f_frsize // 1024

    def _sized(self, kilobytes: int) -> bool:
        argv = ["mount", "-o", f"remount,size={max(kilobytes, 4)}k", str(self.folder)]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def small(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of that size at `folder`, gone at the end; says so where this machine forbids it."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no small disk here, so none gets full: {done.stderr.strip()}")  # noqa: T201 - pytest shows it
    try:
        yield Disk(folder, megabytes, not done.returncode)
    finally:
        if not done.returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
