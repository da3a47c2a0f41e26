"""What git knows of the `.env` files: a tracked file counts as not ignored, so both are asked."""

from __future__ import annotations

from pathlib import Path

from scripts.adapters.git_command import command
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.shell.runner import attempt

PATIENCE = 10.0


def tracked(folder: Path, names: tuple[str, ...]) -> frozenset[str]:
    """Which of these files of a folder are in git's index; none outside of a checkout."""
    return _asked(folder, ("ls-files", "-z", "--", *(f":(literal){name}" for name in names)))


def ignored(folder: Path, names: tuple[str, ...]) -> frozenset[str] | None:
    """Which of these files git ignores by its rules, tracked or not; None outside of a checkout."""
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return None
    stdin = "".join(f"{name}\0" for name in names).encode()
    return _asked(folder, ("check-ignore", "--no-index", "-z", "--stdin"), stdin)


def _asked(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> frozenset[str]:
    try:
        result = attempt(command(folder, arguments, PATIENCE, stdin))
    except (CommandFailed, CommandTimedOut):  # no git, no checkout: nothing to know
        return frozenset()
    return frozenset(filter(None, result.text.split("\0")))


def address(folder: Path, remote: str) -> str:
    """Where a checkout's remote is; empty where nobody knows."""
    return "".join(_asked(folder, ("remote", "get-url", "--", remote))).strip()
