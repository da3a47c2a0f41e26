"""The objects of a clone, read by one `git cat-file` that lives as long as the task.

Any other call of git costs some milliseconds before it reads anything, and a release reads a hundred
objects. Where this program has no answer (an old git, a clone that may fetch what it lacks, an end by a
signal), git is called anew, as in tasks that hold no such program.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.errors import CommandFailed
from scripts.git.command import git_command
from scripts.git.isolation import checkout_of
from scripts.system.dialogue import Dialogue

WAIT = 60.0  # seconds for an answer
LONGEST = 16_384  # bytes of a question: they fit into the pipe while the program writes its answer
TREE = "40000"  # the mode of a folder in a tree
WIDTH = 20  # bytes of an id
_lines: dict[Path, ObjectsLine] = {}


class Object(NamedTuple):
    """One object that git has.

    Args:
        content: b"" where it was not asked for.
    """

    id: str
    kind: str
    size: int
    content: bytes = b""


class Answers:
    """Reads what `cat-file --batch` or `--batch-check` prints, piece by piece.

    Args:
        number: of the names that were asked for.
        whole: the contents come as well.
    """

    def __init__(self, number: int, *, whole: bool) -> None:
        self.found: list[Object | None] = []
        self._number, self._whole, self._at = number, whole, 0

    def are_complete(self, printed: bytes) -> bool:
        """Whether all are there; `printed` has grown since the last call."""
        while len(self.found) < self._number:
            end = printed.find(b"\n", self._at)
            if end < 0:
                return False
            words = printed[self._at : end].split(b" ")
            if not words[-1].isdigit():  # `missing`, `ambiguous`
                self.found.append(None)
                self._at = end + 1
                continue
            size, start = int(words[-1]), end + 1
            stop = start + size if self._whole else end
            if len(printed) <= stop:
                return False
            content = printed[start:stop] if self._whole else b""
            self.found.append(Object(words[0].decode(), words[1].decode(), size, content))
            self._at = stop + 1
        return True


class ObjectsLine:
    """The program of one clone; one thread asks at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._guard = folder, threading.Lock()
        self._dialogue: Dialogue | None = None
        self._answers = True

    def ask(self, names: Sequence[bytes], *, whole: bool) -> list[Object | None] | None:
        """What git has by these names; None where this program has no answer."""
        with self._guard:
            worked = self._dialogue is not None
            try:
                try:
                    return self._asked(names, whole=whole)
                except CommandFailed:
                    self._end()
                    if worked:  # it was ended, with all other programs: once more
                        return self._asked(names, whole=whole)
            except CommandFailed:
                self._end()
            except BaseException:  # a signal: half of an answer may be on its way
                self._end()
                raise
            self._answers = False
            return None

    def _asked(self, names: Sequence[bytes], *, whole: bool) -> list[Object | None] | None:
        if not self._answers:
            return None
        if self._dialogue is None:
            self._dialogue = Dialogue(git_command(self._folder, ("cat-file", "--batch-command"), WAIT))
        verb, found = b"contents" if whole else b"info", list[Object | None]()
        for piece in _pieces(names):
            answers = Answers(len(piece), whole=whole)
            question = b"".join(b"%b %b\n" % (verb, name) for name in piece)
            self._dialogue.ask(question, answers.are_complete, WAIT)
            found += answers.found
        return found

    def close(self) -> None:
        """End the program."""
        with self._guard:
            self._end()

    def _end(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue:
            dialogue.end()


def _pieces(names: Sequence[bytes]) -> list[list[bytes]]:
    """The names, so many at a time as one question may have."""
    pieces, size = list[list[bytes]](), LONGEST
    for name in names:
        size += len(name) + len(b"contents \n")
        if size > LONGEST:
            pieces.append([])
            size = len(name) + len(b"contents \n")
        pieces[-1].append(name)
    return pieces


def hold(folder: Path) -> None:
    """Have the objects of a clone read by one program from now on."""
    checkout = checkout_of(folder)
    if checkout and not checkout.partial:
        _lines.setdefault(folder, ObjectsLine(folder))


def drop(folder: Path) -> None:
    """End the program, if there is one."""
    if line := _lines.pop(folder, None):
        line.close()


def ask(folder: Path, names: Sequence[bytes], *, whole: bool) -> list[Object | None] | None:
    """What git has by these names, none of which has a line end; None where no program answers."""
    line = _lines.get(folder)
    return line.ask(names, whole=whole) if line else None


def entries(content: bytes) -> list[tuple[str, str, str]]:
    """(mode, id, name) of what stands in a tree, in git's order."""
    found, at = [], 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        at = end + 1 + WIDTH
        found.append(
            (mode.decode().zfill(6), content[end + 1 : at].hex(), name.decode("utf-8", "surrogateescape"))
        )
    return found
