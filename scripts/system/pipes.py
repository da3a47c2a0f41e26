"""What goes through the pipes of a child, with limits: nobody knows how much a program prints."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import subprocess
import threading
import time
from typing import IO

from scripts.errors import CommandFailed
from scripts.system.command import Command

PIECE = 65_536  # bytes that are read at once
KEPT = 65_536  # bytes of a stream of which only the end is wanted


class Exchange:
    """Feeds a child its standard input, and holds what it prints, up to `command.most` bytes a stream."""

    def __init__(self, child: subprocess.Popen[bytes], command: Command) -> None:
        self._child, self._command = child, command
        self._input = memoryview(command.stdin or b"")
        self._out, self._err = bytearray(), bytearray()

    def finish(self, timeout: float) -> tuple[bytes, bytes]:
        """Wait for the end; returns standard output and standard error. After a time-out it can go on.

        Raises:
            subprocess.TimeoutExpired: the child runs on, or something that it started holds a pipe open.
            CommandFailed: it printed more than it may; the caller has to end it.
        """
        until = time.monotonic() + timeout
        child = self._child
        streams = ((child.stdout, self._out), (child.stderr, self._err))
        with selectors.DefaultSelector() as selector:
            if child.stdin and not child.stdin.closed:
                selector.register(child.stdin, selectors.EVENT_WRITE)
            for pipe, printed in streams:
                if pipe and not pipe.closed:
                    selector.register(pipe, selectors.EVENT_READ, (pipe, printed))
            while selector.get_map():
                for key, _events in selector.select(self._left(until)):
                    goes_on = self._write(child.stdin) if key.data is None else self._take(*key.data)
                    if not goes_on:
                        selector.unregister(key.fileobj)
        child.wait(self._left(until))
        return bytes(self._out), bytes(self._err)

    def _left(self, until: float) -> float:
        left = until - time.monotonic()
        if left <= 0:
            raise subprocess.TimeoutExpired(self._command.argv, 0)
        return left

    def _write(self, pipe: IO[bytes] | None) -> bool:
        """Write what the pipe takes; at the end, and for a child that reads no more, close it: False."""
        piece = self._input[: select.PIPE_BUF]
        if pipe is None:
            return False
        with contextlib.suppress(BrokenPipeError):
            self._input = self._input[os.write(pipe.fileno(), piece) :]
            if self._input:
                return True
        pipe.close()
        return False

    def _take(self, pipe: IO[bytes], printed: bytearray) -> bool:
        """Read what is there; at the end close the pipe: False."""
        piece = os.read(pipe.fileno(), PIECE)
        printed += piece
        if len(printed) > self._command.most:
            printed.clear()
            limit = self._command.most / 1e6
            raise CommandFailed(f"`{self._command.program}` printed more than {limit:g} MB, and was ended")
        if not piece:
            pipe.close()
        return bool(piece)


class Tail:
    """Reads a pipe to its end, and keeps the last `KEPT` bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._kept = b""
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def read(self, timeout: float) -> bytes:
        """What came last, at the latest after `timeout` seconds: a grandchild may hold the pipe open."""
        self._reader.join(timeout)
        return self._kept

    def _read(self, pipe: IO[bytes]) -> None:
        while piece := read_some(pipe):
            self._kept = (self._kept + piece)[-KEPT:]
        with contextlib.suppress(OSError, ValueError):
            pipe.close()


def read_some(source: IO[bytes]) -> bytes:
    """The next bytes; b"" at the end, and when another thread closed the pipe."""
    try:
        return os.read(source.fileno(), PIECE)
    except (OSError, ValueError):
        return b""
