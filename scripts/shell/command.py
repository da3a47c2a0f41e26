"""A command is a value: what would be run, without the means to run it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """One program call. Secrets belong in `env` or `stdin`, never in `argv`.

    Args:
        argv: program and arguments; no shell ever sees them.
        cwd: the folder to run in; ours if None.
        env: what the program gets beside the clean base (`environment.BASE`).
        stdin: bytes to feed; None means the null device.
        timeout: seconds until the whole process group is ended.
        success: exit codes that are no failure.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes | None = field(default=None, repr=False)
    timeout: float = 60.0
    success: frozenset[int] = frozenset({0})

    @property
    def program(self) -> str:
        """The program's bare name, for messages."""
        return Path(self.argv[0]).name

    def __str__(self) -> str:
        """The line a person could paste."""
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Result:
    """A finished command: exit code, raw output, seconds it took."""

    code: int
    out: bytes
    err: bytes
    seconds: float

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are replaced."""
        return self.out.decode("utf-8", "replace")

    @property
    def errors(self) -> str:
        """Standard error as text; bytes that are no UTF-8 are replaced."""
        return self.err.decode("utf-8", "replace")
