"""What `init` and `upgrade` would write: new files, changed ones, and those that stay as they are."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from scripts.config.desk import Progress
from scripts.setup import app_facts

State = Literal["new", "changed", "same", "kept", "removed"]
MAX_DIFF = 200  # lines shown of one file


class Change(NamedTuple):
    """One file.

    Args:
        name: relative to the folder of its changes.
        after: what it would hold; None where it would be removed.
        like: a file whose mode it gets.
    """

    name: str
    state: State
    after: bytes | None
    like: Path | None = None


@dataclass(frozen=True)
class Changes:
    """Files of one folder."""

    top: Path
    changes: tuple[Change, ...]

    @classmethod
    def between(cls, top: Path, contents: Mapping[str, str], kept: Collection[str]) -> Changes:
        """From the texts that are wanted; those in `kept` are a person's, and stay if they differ."""
        changes = []
        for name, text in sorted(contents.items()):
            before, after = app_facts.read(top / name), text.encode()
            state: State = "new" if before is None else "same" if before == after else "changed"
            changes.append(Change(name, "kept" if name in kept and state == "changed" else state, after))
        return cls(top, tuple(changes))

    def of(self, *states: State) -> list[Change]:
        """The files in these states."""
        return [change for change in self.changes if change.state in states]

    @property
    def written(self) -> list[Change]:
        """The files that would differ afterwards."""
        return self.of("new", "changed", "removed")

    def write(self) -> int:
        """Write them, each atomically; the number of files that differ now.

        Raises:
            OSError: a file can't be written; the others before it are.
        """
        for change in self.written:
            if change.after is None:
                (self.top / change.name).unlink(missing_ok=True)
            else:
                app_facts.write(self.top / change.name, change.after, change.like)
        return len(self.written)


def show(progress: Progress, changes: Changes, copy: Changes | None) -> None:
    """Name every file of the configuration, with the differences; of the copied desk their number."""
    for change in changes.of("new"):
        progress.show([f"new      {change.name}"])
    for change in changes.of("kept"):
        progress.show([f"kept     {change.name} (it is yours; `--plan` shows what a new one would be)"])
    for change in changes.of("changed"):
        progress.show([f"changed  {change.name}"])
        _difference(progress, changes.top, change)
    if copy is not None:
        show_copy(progress, copy)


def show_copy(progress: Progress, copy: Changes) -> None:
    """The copied desk in numbers, and by name what a person changed in it."""
    for state in ("new", "changed", "removed"):
        if found := copy.of(state):
            progress.show([f"{state:<8} {len(found)} files of the desk in `{copy.top}`"])
    for change in copy.of("kept"):
        progress.show([f"kept     {copy.top / change.name}: somebody changed it here"])


def _difference(progress: Progress, top: Path, change: Change) -> None:
    before, after = (
        text.decode("utf-8", "replace").splitlines()
        for text in (app_facts.read(top / change.name) or b"", change.after or b"")
    )
    named = (f"{change.name} now", f"{change.name} then")
    lines = list(difflib.unified_diff(before, after, *named, lineterm=""))
    progress.show([f"  | {line}" for line in lines[:MAX_DIFF]])
    if len(lines) > MAX_DIFF:
        progress.show([f"and {len(lines) - MAX_DIFF} more lines"])
