"""Run what came with a commit (journeys, load) without the desk's rights.

Where the desk is root on Linux, the command is another user's, in namespaces of its own (`confined.py`): it
can read no file that only the desk's user may read, and no other process. Elsewhere it is the same user's.
Then it can read what that user can read, except the desk's own environment and memory.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system import confined, temporary
from scripts.system.command import Command
from scripts.system.process import attempt, error_tail

UID = 64_533  # of no account, and not `nobody`: scratch servers are nobody's
PREFIX = "release-desk-confined-"
HOME = "home"
LARGEST = 256 * 1024 * 1024  # bytes that are taken over of what a command leaves
MOST = 2_000  # files
NOT_DUMPABLE = 4, 0  # PR_SET_DUMPABLE: /proc/PID/environ and the memory are root's alone


@dataclass(frozen=True)
class Confinement:
    """A place for commands that are not trusted.

    Args:
        place: a folder for what they write; the desk takes nothing from it but plain files that lie in it.
        hidden: files and folders that they must not see, whatever their mode.
    """

    place: Path
    hidden: tuple[Path, ...] = ()

    def command(self, command: Command, reach: Iterable[Path] = ()) -> Command:
        """The command as it is to be run; its working folder has to be in `reach` or in the place.

        Args:
            reach: files and folders that it reads, besides Python and the system's own.
        """
        home = self.place / HOME
        env = {**command.env, **_own(home)}
        if why_not():
            hide_environment()
            return replace(command, env=env)
        _give(self.place)
        prefixes = {
            Path(sys.prefix),
            Path(sys.base_prefix),
            Path(os.path.realpath(sys.executable)).parents[1],
        }
        spec = {
            "uid": UID,
            "reach": [str(path) for path in (*prefixes, self.place, *reach)],
            "hide": [str(path) for path in self.hidden if not self.place.is_relative_to(path)],
            "cwd": str(command.cwd or self.place),
        }
        argv = (sys.executable, "-I", confined.__file__, json.dumps(spec), *command.argv)
        return replace(command, argv=argv, env=env, cwd=None)

    def write(self, name: str, text: str) -> None:
        """Write a new file into the place; one that the command put there is replaced, not followed."""
        target = self.place / name
        handle, part = tempfile.mkstemp(dir=self.place, prefix=".desk-")
        with os.fdopen(handle, "w") as file:
            file.write(text)
            if not why_not():
                os.fchown(handle, UID, UID)
        Path(part).replace(target)

    def read(self, name: str, most: int) -> bytes | None:
        """A plain file of the place; None for anything else, and for one that is larger than `most`."""
        inside = (self.place / name).parent.resolve().is_relative_to(self.place.resolve())
        if not inside:  # a folder above it was replaced by a link
            return None
        try:
            handle = os.open(self.place / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            content = file.read(most + 1)
        return content if len(content) <= most else None

    def collect(self, source: str, target: Path) -> None:
        """Copy the plain files below a folder of the place; links, and what is too much, are left out."""
        left, count = LARGEST, 0
        for folder, inner, names in os.walk(self.place / source, followlinks=False):
            inner[:] = [name for name in inner if Path(folder, name) != self.place / HOME]
            for name in sorted(names):
                path = (Path(folder) / name).relative_to(self.place)
                content = self.read(str(path), left)
                if content is None or count >= MOST:
                    continue
                left, count = left - len(content), count + 1
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(content)


@contextmanager
def confinement(hidden: Iterable[Path] = ()) -> Iterator[Confinement]:
    """A new place, which is removed at the end."""
    with temporary.folder(prefix=PREFIX) as folder:
        folder.chmod(0o711)
        place = folder / "work"
        for each in (place, place / HOME, place / HOME / "tmp"):
            each.mkdir(mode=0o700)
        yield Confinement(place, tuple(hidden))


@functools.cache
def why_not() -> str:
    """Why a command can't be another user's here; "" if it can."""
    if sys.platform != "linux":
        return "this is no Linux"
    if os.geteuid() != 0:
        return "the desk does not run as root"
    spec = {"uid": UID, "reach": [sys.prefix, sys.base_prefix], "hide": [], "cwd": "/"}
    argv = (sys.executable, "-I", confined.__file__, json.dumps(spec), sys.executable, "-c", "import json")
    try:
        tried = attempt(Command(argv, timeout=20))
    except (CommandFailed, CommandTimedOut) as fault:
        return fault.message
    return f"the system does not allow it{error_tail(tried)}" if tried.code else ""


def hide_environment() -> None:
    """Let no process of this user read this one's environment and memory."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(*NOT_DUMPABLE, 0, 0, 0)


def _own(home: Path) -> dict[str, str]:
    """Nothing of the person's: no configuration, cache or account."""
    browsers = Path.home() / ".cache" / "ms-playwright"
    return {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "USER": "confined",
        "LOGNAME": "confined",
        **({"PLAYWRIGHT_BROWSERS_PATH": str(browsers)} if browsers.is_dir() else {}),
    }


def _give(place: Path) -> None:
    """Make the child's user the owner of everything in the place."""
    for path in (place, *place.rglob("*")):
        os.chown(path, UID, UID, follow_symlinks=False)
