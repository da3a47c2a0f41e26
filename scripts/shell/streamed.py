"""A program's standard output as a stream: for what is too much to be held at once."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO, cast

from scripts.errors import CommandFailed, CommandTimedOut
from scripts.shell.command import Command, Result
from scripts.shell.runner import last_words, started


@contextlib.contextmanager
def streamed(command: Command) -> Iterator[IO[bytes]]:
    """Run while what it prints is read from the stream; whoever reads less ends it.

    Raises:
        CommandFailed: the program is missing, failed, or said anything on its standard error.
        CommandTimedOut: it closed its output, and did not end.
    """
    with tempfile.TemporaryFile() as errors, started(command, errors) as child:
        with cast("IO[bytes]", child.stdout) as stream:
            yield stream
            whole = not stream.read(1)
        if not whole:
            return
        try:
            code = child.wait(command.timeout)
        except subprocess.TimeoutExpired:
            raise CommandTimedOut(f"`{command.program}` did not end") from None
        errors.seek(0)
        result = Result(code, b"", errors.read(), 0.0)
        if code not in command.success or result.err.strip():
            said = last_words(result)
            raise CommandFailed(f"`{command.program}` ended with {code}{said}", exit_code=code)
