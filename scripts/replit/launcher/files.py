"""The state folder: writing so that a kill or a full disk leaves the old or the new, and never a half."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import queue
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
HEX = re.compile(r"[0-9a-f]{40}")
LOG_BYTES = 1_000_000  # of the log, before it is begun again; the one before is kept
MOST_HASHED = 20_000_000  # bytes of a file that is read at every start of the launcher
MOST_JSON = 32_000_000  # bytes of a file of ours; the marker names every file of a release
MARKER = ".launcher-release.json"  # written last: a release without it is not finished


def utc_now() -> str:
    """For people only: nothing is decided by the clock on the wall."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """The whole new text, or the old file as it was."""
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one for what is missing, torn or too large."""
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MOST_JSON))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


class Journal:
    """The launcher's own lines and those of builds: to standard output, and to `.launcher/log`.

    A thread writes them, because a platform that is slow to take them must not hold up the switch.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log"
        self._lines: queue.Queue[tuple[bytes, bool]] = queue.Queue(maxsize=2_000)
        threading.Thread(target=self._write, daemon=True).start()

    def say(self, text: str) -> None:
        """One line of the launcher."""
        self.put(f"{utc_now()} launcher: {text}\n".encode("utf-8", "replace"), keep=True)

    def put(self, data: bytes, *, keep: bool) -> None:
        """Bytes as they are; with `keep` to the file as well. Never waits: what is too much is dropped."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait((data, keep))

    def _write(self) -> None:
        while True:
            data, keep = self._lines.get()
            with contextlib.suppress(OSError):
                os.write(sys.stdout.fileno(), data)
            if keep:
                with contextlib.suppress(OSError):  # a full disk stops no release that is live
                    self._append(data)

    def _append(self, data: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size > LOG_BYTES:
            self._path.replace(self._path.with_name("log.1"))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)


class State:
    """What was proven live here, latest first; kept over restarts.

    Args:
        path: `state.json`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        proven = read_json(path).get("proven")
        self.proven: list[str] = [
            name for name in (proven if isinstance(proven, list) else []) if HEX.fullmatch(str(name))
        ]

    def record(self, commit: str, keep: int) -> None:
        """Note that a commit is live now. On a full disk that is known until the next restart only."""
        self.proven = [commit, *(name for name in self.proven if name != commit)][: keep + 1]
        with contextlib.suppress(OSError):
            write_atomically(self._path, json.dumps({"proven": self.proven, "at": utc_now()}), 0o600)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """What shows that a file is still the same: its digest, or the size of a very large one."""
    size = path.stat().st_size
    return file_digest(path) if size <= MOST_HASHED else f"{size} bytes"


def walk_files(folder: Path, without: Iterable[str] = ()) -> Iterable[Path]:
    """Every file and link below, in order; folders with a name of `without` are left out."""
    left_out = set(without)
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in left_out)
        linked = [name for name in folders if Path(root, name).is_symlink()]
        yield from (Path(root, name) for name in sorted([*names, *linked]))


def tree_digest(folder: Path) -> tuple[str, int, int]:
    """The digest of a built folder, as the desk computes it; and the number of files and bytes.

    SHA-256 over the sorted lines `<mode> <SHA-256 of the file> <path>`, with git's modes.
    """
    lines, size = [], 0
    for path in walk_files(folder):
        name = path.relative_to(folder).as_posix()
        if name == MARKER:
            continue
        status = path.lstat()
        if path.is_symlink():
            target = os.fsencode(path.readlink())
            lines.append(f"120000 {hashlib.sha256(target).hexdigest()} {name}\n")
        else:
            mode = "100755" if status.st_mode & 0o100 else "100644"
            lines.append(f"{mode} {file_digest(path)} {name}\n")
            size += status.st_size
    lines.sort()
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest(), len(lines), size


def remove_tree(folder: Path) -> None:
    """The folder is gone, or at least no release any more: its marker goes first."""
    with contextlib.suppress(OSError):
        (folder / MARKER).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def free_memory() -> int:
    """Bytes that may still be used: of the machine, or by the limit of its control group."""
    known = []
    try:
        text = Path("/proc/meminfo").read_text("ascii")
        known += [
            int(found) * 1024 for found in re.findall(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
        ]
        most = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))
        known.append(most - int(Path("/sys/fs/cgroup/memory.current").read_text("ascii")))
    except (OSError, ValueError):
        pass
    return min(known, default=1 << 40)


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """The text without the values of these secrets, longest first."""
    for value in sorted(set(secrets.values()), key=len, reverse=True):
        text = text.replace(value, "***")
    return text


async def in_thread(work: Callable[[], Result]) -> Result:
    """Do what reads or writes much beside the loop, which has to answer meanwhile.

    Who cancels this waits for the end: nothing may be written into a folder that is someone else's then.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


class Backoff:
    """Pauses that grow from one to the next, in seconds, until all was well for a while.

    By the clock that never jumps.
    """

    def __init__(self, first: float, most: float) -> None:
        self._first, self._most = first, most
        self._next = first
        self._since = time.monotonic()

    def pause(self) -> float:
        """The next pause; the first one again when the last was longer ago than twice the longest."""
        now = time.monotonic()
        if now - self._since > 2 * self._most:
            self._next = self._first
        self._since = now
        pause, self._next = self._next, min(self._most, self._next * 2)
        return pause

    def reset(self) -> None:
        """All is well."""
        self._next = self._first
