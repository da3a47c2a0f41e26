"""A program that is asked several times over its standard input, and answers on its standard output."""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Callable
from dataclasses import replace
from typing import IO, cast

from scripts.errors import CommandFailed
from scripts.system.command import Command
from scripts.system.pipes import Tail, read_some
from scripts.system.process import child_of


class Dialogue:
    """It ends with this process, as every child does.

    Raises:
        CommandFailed: the program is missing.
    """

    def __init__(self, command: Command) -> None:
        self._held = contextlib.ExitStack()
        self._child = self._held.enter_context(child_of(replace(command, stdin=b"")))
        self._program, self._most = command.program, command.most
        Tail(
            cast("IO[bytes]", self._child.stderr)
        )  # nobody reads it; a full pipe would hold the program up

    def ask(self, question: bytes, is_whole: Callable[[bytes], bool], seconds: float) -> bytes:
        """What the program writes from now on, up to a whole answer.

        Raises:
            CommandFailed: no whole answer came in time, or it is too long; the dialogue is over.
        """
        until = time.monotonic() + seconds
        stdin, answer = cast("IO[bytes]", self._child.stdin), b""
        why = "no answer came in time"
        try:
            stdin.write(question)
            stdin.flush()
            while not is_whole(answer) and self._readable(until - time.monotonic()):
                piece = read_some(cast("IO[bytes]", self._child.stdout))
                answer += piece
                if not piece or len(answer) > self._most:
                    why = "its answer broke off, or is too long"
                    break
        except OSError as fault:
            why = str(fault.strerror)
        if is_whole(answer):
            return answer
        self.end()
        raise CommandFailed(f"`{self._program}`: {why}")

    def _readable(self, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(cast("IO[bytes]", self._child.stdout), selectors.EVENT_READ)
            return bool(selector.select(max(0.0, seconds)))

    def end(self) -> None:
        """End the program. One that ended by itself, or with all others, has left its pipes open."""
        self._held.close()
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError, ValueError):
                cast("IO[bytes]", pipe).close()
