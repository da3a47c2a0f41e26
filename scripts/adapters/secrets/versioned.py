"""What git knows of an app's files: a tracked file counts as not ignored, so both are asked."""

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


def lines(folder: Path, patterns: tuple[str, ...], suffixes: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """The lines of the tracked text files with these suffixes that match one of the patterns.

    Each is (file, number from 1, text); none outside of a checkout.
    """
    shown = ("grep", "-n", "-I", "-z", "--no-color", "--extended-regexp")
    wanted = [part for each in patterns for part in ("-e", each)]
    files = [f":(glob)**/*.{suffix}" for suffix in suffixes]
    found = []
    for line in _said(folder, (*shown, *wanted, "--", *files)).splitlines():
        file, number, text = (*line.split("\0", 2), "", "")[:3]
        if number.isdecimal():
            found.append((file, int(number), text))
    return found


def _asked(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> frozenset[str]:
    return frozenset(filter(None, _said(folder, arguments, stdin).split("\0")))


def _said(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> str:
    try:
        return attempt(command(folder, arguments, PATIENCE, stdin)).text
    except (CommandFailed, CommandTimedOut):  # no git, no checkout: nothing to know
        return ""


def address(folder: Path, remote: str) -> str:
    """Where a checkout's remote is; empty where nobody knows."""
    return "".join(_asked(folder, ("remote", "get-url", "--", remote))).strip()
