"""Runs commands: each in a process group of its own, judged by exit code, ended as a group."""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import IO, cast

from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system.background import submit
from scripts.system.command import Command, Result, child_env
from scripts.system.secret import Redactor, redact
from scripts.system.signals import deferred
from scripts.system.text import sanitize_output

GRACE = 1.0  # seconds between SIGTERM and SIGKILL: a cancelled CI job has 10 in all
TAIL = 12  # lines of a failed program's last words that are shown
LONGEST_LINE = 65_536  # characters without a line end that are waited for

_children: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()


def run(command: Command) -> Result:
    """Run to the end and return what happened.

    Raises:
        CommandFailed: the program is missing, or its exit code is not in `command.success`.
        CommandTimedOut: it ran longer than `command.timeout`; the whole group was ended.
    """
    result = attempt(command)
    if result.code not in command.success:
        raise CommandFailed(
            f"`{command.program}` ended with {result.code}{error_tail(result)}",
            exit_code=result.code,
        )
    return result


def attempt(command: Command) -> Result:
    """Run to the end without judging the exit code (time-outs and missing programs still raise)."""
    began = time.monotonic()
    with _child(command) as child:
        out, err = child.communicate(command.stdin, timeout=command.timeout)
        return Result(child.returncode, out, err, time.monotonic() - began)


def run_polling(command: Command, every: float, look: Callable[[], None]) -> Result:
    """As `attempt`, with a look round every so many seconds while it runs; for a command without `stdin`.

    What the program started and left behind is ended, too.
    """
    began = time.monotonic()
    with _child(command) as child:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    out, err = child.communicate(timeout=every)
                    return Result(child.returncode, out, err, time.monotonic() - began)
                if time.monotonic() - began > command.timeout:
                    raise _timed_out(command)
                look()
        finally:
            end_group(child)
            _signal(child, signal.SIGKILL)


@contextlib.contextmanager
def run_in_background(command: Command) -> Iterator[Future[Result]]:
    """Run it while we do something else; its end, however it ended, is the future's.

    It is ended when this is left before. Only for programs that say little.

    Raises:
        CommandFailed: the program is missing.
    """
    with _child(command) as child:
        yield submit(_wait, command, child)


def _wait(command: Command, child: subprocess.Popen[bytes]) -> Result:
    began = time.monotonic()
    try:
        out, err = child.communicate(command.stdin, timeout=command.timeout)
    except subprocess.TimeoutExpired:
        end_group(child)
        raise _timed_out(command) from None
    return Result(child.returncode, out, err, time.monotonic() - began)


@contextlib.contextmanager
def _streaming(command: Command, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Run it while its standard output is read; it is ended when this is left. See `streamed`."""
    with _child(command, errors=errors) as child:
        yield child


@contextlib.contextmanager
def _child(
    command: Command, *, merged_streams: bool = False, errors: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is in the list as long as it may live, and never outlives this."""
    child = None
    try:
        with deferred():  # between its start and its entry in the list a child could be lost
            child = _start(command, merged_streams=merged_streams, errors=errors)
        yield child
    except subprocess.TimeoutExpired:
        raise _timed_out(command) from None
    finally:
        if child is not None:
            end_group(child)
            with _guard:
                _children.discard(child)


def _start(
    command: Command, *, merged_streams: bool = False, errors: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    try:
        child = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=child_env(command.env),
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged_streams else errors or subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as fault:
        raise CommandFailed(f"can't run `{command.argv[0]}`: {fault.strerror}") from None
    with _guard:
        _children.add(child)
    return child


def _timed_out(command: Command) -> CommandTimedOut:
    return CommandTimedOut(f"`{command.program}` took longer than {command.timeout:g} s")


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started, unless it has ended: SIGTERM, a moment, SIGKILL."""
    if child.returncode is not None:
        return
    _signal(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    _signal(child, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):
                pipe.close()


def end_all() -> None:
    """End every child that any thread is still waiting for."""
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


def error_tail(result: Result) -> str:
    """The end of what a program said, redacted, ready to follow a message."""
    return _indented(redact(result.errors.strip() or result.text.strip()).splitlines()[-TAIL:])


def quoted_lines(text: str) -> str:
    """What somebody else said, redacted, as lines that can't be taken for ours."""
    return _indented(redact(text).strip().splitlines()[:TAIL])


def _indented(lines: list[str]) -> str:
    return sanitize_output("".join(f"\n  | {line}" for line in lines))


def stream_lines(command: Command, tell: Callable[[str], None]) -> int:
    """Run with the person watching: `tell` gets what it prints, line by line, redacted and harmless.

    Returns its exit code, whatever it is.

    Raises:
        CommandFailed: the program is missing.
        CommandTimedOut: it ran longer than `command.timeout`; the whole group was ended.
    """
    with _child(command, merged_streams=True) as child:
        reader = threading.Thread(target=_forward_lines, args=(child, tell), daemon=True)
        reader.start()
        child.wait(command.timeout)
        reader.join(GRACE)  # a grandchild that outlives it may hold the pipe open
    return child.returncode


def _forward_lines(child: subprocess.Popen[bytes], tell: Callable[[str], None]) -> None:
    """Whole lines at a time: half a line may be half a workflow command."""
    decoder, redactor, line = codecs.getincrementaldecoder("utf-8")("replace"), Redactor(), ""
    source = cast("IO[bytes]", child.stdout)
    while piece := _read(source):
        line += redactor.feed(decoder.decode(piece))
        whole, end, rest = line.rpartition("\n")
        if len(rest) > LONGEST_LINE:
            whole, end, rest = line, "\n", ""
        if end:
            tell(sanitize_output(whole))
        line = rest
    line += redactor.feed(decoder.decode(b"", final=True)) + redactor.close()
    if line:
        tell(sanitize_output(line))
    source.close()


def _read(source: IO[bytes]) -> bytes:
    """What is there by now; nothing at the end, and when the pipe was closed with the group."""
    try:
        return os.read(source.fileno(), 65_536)
    except (OSError, ValueError):
        return b""


# A program's standard output as a stream: for what is too much to be held at once.


@contextlib.contextmanager
def stream_stdout(command: Command) -> Iterator[IO[bytes]]:
    """Run while what it prints is read from the stream; whoever reads less ends it.

    Raises:
        CommandFailed: the program is missing, failed, or said anything on its standard error.
        CommandTimedOut: it closed its output, and did not end.
    """
    with tempfile.TemporaryFile() as errors, _streaming(command, errors) as child:
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
            said = error_tail(result)
            raise CommandFailed(f"`{command.program}` ended with {code}{said}", exit_code=code)
