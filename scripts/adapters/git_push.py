"""One try of a push, and what a refusal means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from scripts.adapters.git_command import Update, command, push_arguments
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.shell.runner import attempt, last_words

TIMEOUT = 120.0
PAUSES = (0.1, 0.3, 0.9, 2.0)  # seconds before the next try
# two pushes at the same moment: the remote's own lock files, which are there for milliseconds
BUSY = re.compile(r"cannot lock ref|File exists|failed to update ref|incorrect old value")


def refused(folder: Path, remote: str, updates: Sequence[Update]) -> str | None:
    """Push; None when it was taken, or why not, in the remote's words."""
    try:
        result = attempt(command(folder, push_arguments(remote, updates), TIMEOUT))
    except CommandTimedOut as late:
        return f": {late.message}"
    return last_words(result) if result.code else None


def pauses(why: str, remote: str, tried: int) -> float:
    """Seconds until the next try.

    Raises:
        CommandFailed: another try would change nothing.
    """
    if tried >= len(PAUSES) or not BUSY.search(why):
        raise CommandFailed(f"`git push` to `{remote}` was refused{why}")
    return PAUSES[tried]
