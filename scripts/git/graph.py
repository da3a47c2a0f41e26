"""The commit-graph: git's own file of all commits, by which a long history costs a tenth.

It is written once a walk through the history took long, into the desk's cache: neither the checkout's
objects nor its configuration change. Git finds it by an alternate that holds nothing else.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scripts.errors import CommandFailed
from scripts.git.command import git_command
from scripts.git.isolation import CACHE, checkout_of
from scripts.system.command import Command, Result
from scripts.system.process import attempt, run

SLOW = 0.1  # seconds that a walk takes at most without one; 30,000 commits or so
AGE = 86400.0  # seconds after which one that does not help any more is written anew
TIMEOUT = 60.0
FILE = Path("info", "commit-graph")  # below the folder of an object store
_guard = threading.Lock()
_found: dict[tuple[Path, int, int, int], bool] = {}  # whether the file that looked so is whole
_tried: set[Path] = set()


def walk(folder: Path, command: Command) -> Result:
    """Run a git command that goes through the history; with the graph, where there is one.

    Raises:
        CommandFailed: as without it.
    """
    checkout = checkout_of(folder)
    if checkout is None or _has_its_own(checkout.git_folder):
        return run(command)
    store, began = checkout.git_folder / CACHE / "graph", time.monotonic()
    if not _is_whole(store / FILE):
        result = run(command)
    else:
        try:
            result = run(replace(command, env={**command.env, **_alternate(store)}))
        except CommandFailed:
            result = run(command)  # fails as well, unless it was by the graph
            (store / FILE).unlink(missing_ok=True)
    if time.monotonic() - began > SLOW:
        _write(folder, store)
    return result


def _has_its_own(git_folder: Path) -> bool:
    """Whether the checkout has one, as `git gc` makes it: git reads no other then."""
    return any((git_folder / "objects/info" / name).exists() for name in ("commit-graph", "commit-graphs"))


def _alternate(store: Path) -> dict[str, str]:
    """The variable that names the folder, quoted as git wants a name with `:` in it."""
    name = str(store).replace("\\", "\\\\").replace('"', '\\"')
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{name}"'}


def _is_whole(file: Path) -> bool:
    """Whether its last bytes are the SHA-1 of all others; git itself would believe what is damaged."""
    with suppress(OSError), _guard:
        about = file.lstat()
        key = file, about.st_mtime_ns, about.st_size, about.st_ino
        if key not in _found:
            content = file.read_bytes() if about.st_uid == os.geteuid() else b""
            digest = hashlib.sha1(content[:-20], usedforsecurity=False).digest()
            _found[key] = digest == content[-20:]
        return _found[key]
    return False


def _write(folder: Path, store: Path) -> None:
    """Write it, or not at all: another run may be doing so, or the disk may be full."""
    with suppress(OSError):
        if store in _tried or time.time() - (store / FILE).stat().st_mtime < AGE:
            return
    _tried.add(store)
    with suppress(OSError, CommandFailed):
        store.parent.mkdir(mode=0o700, exist_ok=True)
        (store / FILE.parent).mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = store / f"{FILE}.lock"
        if lock.exists() and abs(time.time() - lock.stat().st_mtime) > AGE:  # of a run that was killed
            lock.unlink()
        write = ("commit-graph", "write", "--reachable", "--no-progress", f"--object-dir={store}")
        command = git_command(folder, write, TIMEOUT)
        attempt(replace(command, env={**command.env, **_alternate(store)}))
