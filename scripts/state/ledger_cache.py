"""What was read of the ledger is kept in the checkout's git folder, so that only new events are read.

The ledger is the truth. What is kept counts only if it is whole, ours, of this version of the desk, and of
a commit that the ledger still contains; in any other case the ledger is read anew, and nothing is said.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from scripts.errors import DeskError
from scripts.git.chain import MOST, Link
from scripts.git.merge import MergingGit
from scripts.state import ledger as ledgers
from scripts.state.ledger import Ledger
from scripts.state.ledger_bytes import decode, encode
from scripts.state.ledger_index import Index
from scripts.state.read_chain import ledger_of

NAME = "ledger"
STALE = 3600.0  # seconds after which the part of a run that was killed is removed
BLOCK = 64 * 1024  # bytes that are read at a time


def ledger_at(git: MergingGit, tip: str) -> Ledger:
    """The ledger up to one of its commits; it is kept for the next call."""
    folder = git.cache_folder()
    if folder is None:
        return ledger_of(tip, git.chain(tip, ledgers.FILE))
    kept = _load(folder / NAME)
    if kept is not None and kept.tip == tip:
        kept.blob = git.blob
        return kept.ledger()
    after = git.chain_after(tip, ledgers.FILE, kept.tip) if kept else None
    if kept is not None and after is not None:
        before = len(kept)
        kept.blob = git.blob
        if kept.grow(tip, after) and kept.size <= MOST:
            _learn(git, kept)
            _store(folder, kept, before, after)
            return kept.ledger()
    links = git.chain(tip, ledgers.FILE)
    index = Index(tip, blob=git.blob)
    index.grow(tip, links)
    if index.size > MOST:  # which files are read then depends on all of them
        return ledger_of(tip, links)
    _learn(git, index)
    if kept is None or not _has_seen(git, kept, tip):
        _store(folder, index, 0, links)
    return index.ledger()


def _has_seen(git: MergingGit, kept: Index, tip: str) -> bool:
    """Whether another run has kept more than what is asked for here."""
    with suppress(DeskError):
        return git.is_ancestor(tip, kept.tip)
    return False


class _Texts:
    """The texts in the file, for any thread. Another run may replace it meanwhile: then they are wrong."""

    def __init__(self, path: Path, start: int) -> None:
        self._path, self._start, self._guard = path, start, threading.Lock()
        self._block, self._at = b"", 0

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from there on, or fewer."""
        with self._guard:
            if not self._at <= start <= start + size <= self._at + len(self._block):
                self._block, self._at = self._read(start, max(size, BLOCK)), start
            place = start - self._at
            return self._block[place : place + size]

    def _read(self, start: int, size: int) -> bytes:
        with suppress(OSError), _opened(self._path) as file:
            file.seek(self._start + start)
            return file.read(size)
        return b""


def _opened(path: Path) -> BinaryIO:
    """The file, if it is ours alone.

    Raises:
        OSError: it is not, or can't be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    about = os.fstat(handle)
    if about.st_uid != os.geteuid() or about.st_mode & 0o077 or not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise PermissionError(path)
    return os.fdopen(handle, "rb")


def _load(path: Path) -> Index | None:
    """What is kept; None if there is nothing that can be used."""
    with suppress(OSError), _opened(path) as file:
        most = os.fstat(file.fileno()).st_size
        found = decode(lambda size: file.read(min(size, most)))
        if found is not None:
            index, start = found
            index.texts = _Texts(path, start).read
            return index
    return None


def _learn(git: MergingGit, index: Index) -> None:
    trees: dict[str, str] = {}
    with suppress(DeskError):
        trees = git.trees(index.unknown())
    index.learn(trees)


def _store(folder: Path, index: Index, before: int, links: list[Link]) -> None:
    """Keep it in place of what is there, or not at all; another run may be doing the same."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        _sweep(folder)
        handle, name = tempfile.mkstemp(prefix=f"{NAME}.", suffix=".part", dir=folder)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(encode(index))
                _copy(index, before, file)
                for number, link in enumerate(links, before):
                    if index.ends[number] > index.start(number):
                        file.write(link.text.encode("utf-8", "surrogateescape"))
            part.replace(folder / NAME)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _copy(index: Index, commits: int, file: BinaryIO) -> None:
    """The texts that were kept before; what is damaged there is found out when it is read."""
    end = index.start(commits)
    for start in range(0, end, BLOCK):
        size = min(BLOCK, end - start)
        file.write(index.texts(start, size).ljust(size, b"\0"))


def _sweep(folder: Path) -> None:
    for part in folder.glob(f"{NAME}.*.part"):
        with suppress(OSError):
            if abs(time.time() - part.stat().st_mtime) > STALE:
                part.unlink()
