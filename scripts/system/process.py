"""Run commands: each in a process group of its own, judged by exit code, ended as a group."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import IO, cast

from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system import trace
from scripts.system.background import submit
from scripts.system.command import Command, Result, child_env
from scripts.system.pipes import Exchange, Tail, read_some
from scripts.system.secret import Redactor, redact
from scripts.system.signals import deferred
from scripts.system.text import COLOUR, sanitize_output

GRACE = 1.0  # seconds between SIGTERM and SIGKILL: a cancelled CI job has 10 in all
TAIL = 12  # lines of a failed program's output that an error message quotes
WIDEST = 400  # characters of each of these lines
FRAME = re.compile(r"\s+at .*[:(<]")  # `    at build (file:///app/node_modules/vite/dist/node/cli.js:9:5)`
LONGEST_LINE = 65_536  # characters; a longer line is passed on in pieces

_children: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()


def run(command: Command) -> Result:
    """Run to the end; fail unless the exit code means success.

    Raises:
        CommandFailed: the program is missing, prints too much, or ends with a code that is no success.
        CommandTimedOut: it ran longer than `command.timeout`; the whole group was ended.
    """
    result = attempt(command)
    if result.code not in command.success:
        raise _failed(command, result)
    return result


def attempt(command: Command) -> Result:
    """Run to the end; any exit code is a result. Raises as `run`, but for the code."""
    began = time.monotonic()
    with child_of(command) as child:
        out, err = Exchange(child, command).finish(command.timeout)
        return Result(child.returncode, out, err, time.monotonic() - began)


def run_polling(command: Command, every: float, poll: Callable[[], None]) -> Result:
    """As `attempt`, calling `poll` every `every` seconds while it runs; for a command without `stdin`.

    An exception from `poll` kills the program at once, without the grace period. Children that the program
    leaves behind are ended, too.
    """
    began = time.monotonic()
    with child_of(command) as child:
        exchange = Exchange(child, command)
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    out, err = exchange.finish(every)
                    return Result(child.returncode, out, err, time.monotonic() - began)
                if time.monotonic() - began > command.timeout:
                    raise _timed_out(command)
                try:
                    poll()
                except BaseException:
                    _signal(child, signal.SIGKILL)
                    raise
        finally:
            end_group(child)
            _signal(child, signal.SIGKILL)


@contextlib.contextmanager
def run_in_background(command: Command) -> Iterator[Future[Result]]:
    """Run while the caller does something else; yields the future result, as of `attempt`.

    The program is ended when the block is left. Its output is held in memory.

    Raises:
        CommandFailed: the program is missing.
    """
    with child_of(command) as child:
        future = submit(_wait, command, child)
        try:
            yield future
        finally:
            # another thread reads the pipes: `_child` may close them only after it has ended
            for number in (signal.SIGTERM, signal.SIGKILL):
                if not future.done():
                    _signal(child, number)
                    wait([future], GRACE)


class Waiting:
    """A program that was started before its standard input is known, such as a connection over ssh.

    It ends with this process, as every child does: its input is closed then.

    Raises:
        CommandFailed: the program is missing.
    """

    def __init__(self, command: Command) -> None:
        self._held = contextlib.ExitStack()
        self._child = self._held.enter_context(child_of(replace(command, stdin=b"")))

    @property
    def lives(self) -> bool:
        """Whether it still waits for its input."""
        return self._child.poll() is None

    def finish(self, command: Command) -> Result:
        """Feed it what `command` has for it; else as `attempt`. The time-out counts from here."""
        began = time.monotonic()
        with self._held:
            out, err = Exchange(self._child, command).finish(command.timeout)
            return Result(self._child.returncode, out, err, time.monotonic() - began)

    def end(self) -> None:
        """End it without input."""
        self._held.close()
        _close(self._child)  # `end_all` may have ended it before


def _wait(command: Command, child: subprocess.Popen[bytes]) -> Result:
    began = time.monotonic()
    try:
        out, err = Exchange(child, command).finish(command.timeout)
    except subprocess.TimeoutExpired:
        end_group(child)
        raise _timed_out(command) from None
    except CommandFailed:
        end_group(child)
        raise
    return Result(child.returncode, out, err, time.monotonic() - began)


@contextlib.contextmanager
def stream_stdout(command: Command) -> Iterator[IO[bytes]]:
    """Run while the caller reads its standard output; leaving the block early ends the program.

    For output that is too much to hold in memory. `command.timeout` counts from the end of the output.

    Raises:
        CommandFailed: the program is missing, failed, or printed anything to its standard error.
        CommandTimedOut: it closed its output and did not end.
    """
    with child_of(command) as child:
        errors = Tail(cast("IO[bytes]", child.stderr))
        with cast("IO[bytes]", child.stdout) as stream:
            yield stream
            read_to_end = not stream.read(1)
        if not read_to_end:
            return
        try:
            code = child.wait(command.timeout)
        except subprocess.TimeoutExpired:
            raise CommandTimedOut(f"`{command.program}` did not end") from None
        result = Result(code, b"", errors.read(GRACE), 0.0)
        if code not in command.success or result.err.strip():
            raise _failed(command, result)


def stream_lines(command: Command, on_line: Callable[[str], None]) -> int:
    """Run and pass on what it prints, line by line, redacted and sanitized; returns its exit code.

    Raises:
        CommandFailed: the program is missing.
        CommandTimedOut: it ran longer than `command.timeout`; the whole group was ended.
    """
    with child_of(command, stderr=subprocess.STDOUT) as child:
        reader = threading.Thread(target=_forward_lines, args=(child, on_line), daemon=True)
        reader.start()
        child.wait(command.timeout)
        reader.join(GRACE)  # a grandchild that outlives it may hold the pipe open
    return child.returncode


def _forward_lines(child: subprocess.Popen[bytes], on_line: Callable[[str], None]) -> None:
    """Only whole lines: half a line could be half a workflow command."""
    decoder, redactor, line = codecs.getincrementaldecoder("utf-8")("replace"), Redactor(), ""
    source = cast("IO[bytes]", child.stdout)
    while piece := read_some(source):
        line += redactor.feed(decoder.decode(piece))
        whole, end, rest = line.rpartition("\n")
        if len(rest) > LONGEST_LINE:
            whole, end, rest = line, "\n", ""
        if end:
            on_line(sanitize_output(whole))
        line = rest
    line += redactor.feed(decoder.decode(b"", final=True)) + redactor.close()
    if line:
        on_line(sanitize_output(line))
    source.close()


@contextlib.contextmanager
def child_of(
    command: Command, stderr: int | IO[bytes] = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is in `_children` as long as it may live, and is ended with the block."""
    child = None
    ended = trace.begin(command)
    try:
        with deferred():  # a signal between the start and the entry in the list would lose the child
            child = _start(command, stderr)
        yield child
    except subprocess.TimeoutExpired:
        raise _timed_out(command) from None
    finally:
        if child is not None:
            end_group(child)
            with _guard:
                _children.discard(child)
        ended(child.returncode if child is not None else None)


def _start(command: Command, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        child = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=child_env(command.env),
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            pass_fds=command.files,
        )
    except OSError as fault:
        raise CommandFailed(f"can't run `{command.argv[0]}`: {fault.strerror}") from None
    with _guard:
        _children.add(child)
    return child


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and its process group unless the child has ended: SIGTERM, `GRACE` seconds, SIGKILL."""
    if child.returncode is not None:
        return
    _signal(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    _signal(child, signal.SIGKILL)
    child.wait()
    _close(child)


def _close(child: subprocess.Popen[bytes]) -> None:
    """Close our ends of its pipes."""
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):
                pipe.close()


def end_all() -> None:
    """End the process group of every child that is still running, in whatever thread it was started."""
    with _guard:
        children = list(_children)
    for child in children:
        _signal(child, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(child.poll() is None for child in children):
        time.sleep(0.02)
    for child in children:
        _signal(child, signal.SIGKILL)


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _timed_out(command: Command) -> CommandTimedOut:
    return CommandTimedOut(f"`{command.program}` took longer than {command.timeout:g} s")


def _failed(command: Command, result: Result) -> CommandFailed:
    message = f"`{command.program}` ended with {result.code}{error_tail(result)}"
    return CommandFailed(message, exit_code=result.code)


def error_tail(result: Result) -> str:
    """The last lines of a program's standard error (else output), redacted, to append to a message."""
    return quoted_lines(result.errors.strip() or result.text, last=True)


def quoted_lines(text: str, *, last: bool = False) -> str:
    """The first (or last) lines of untrusted text, each marked so that it can't pass for our own words.

    Redacted before it is cut: a part of a secret would not be known. Of a program's last words blank lines
    and the frames of a JavaScript stack are left out: the reason stands before them.
    """
    lines = COLOUR.sub("", redact(text)).strip().splitlines()
    if last:
        lines = [line for line in lines if line.strip() and not FRAME.match(line)][-TAIL:]
    return sanitize_output("".join(f"\n  | {line[:WIDEST]}" for line in lines[:TAIL]))
