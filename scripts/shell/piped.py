"""Children of an asyncio loop, wired by pipes, that are found again should we be killed."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.shell import daemon
from scripts.shell.environment import merged


async def start(pid_file: Path, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start a process in a session of its own, its three streams piped to us.

    Its pid goes to `pid_file` (`daemon.stop` ends it); whoever waits for it removes the file.

    Raises:
        OSError: the program or the folder is missing.
    """
    child = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=merged(env),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    daemon.record(pid_file, child.pid)
    return child
