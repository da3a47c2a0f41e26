"""Runs commands: each in a process group of its own, judged by exit code, ended as a group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TextIO

from scripts.errors import CommandFailed, CommandTimedOut
from scripts.shell.command import Command, Result
from scripts.shell.environment import merged
from scripts.shell.secret import redact
from scripts.shell.signals import deferred

GRACE = 1.0  # seconds between SIGTERM and SIGKILL: a cancelled CI job has 10 in all
TAIL = 12  # lines of a failed program's last words that are shown

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
            f"`{command.program}` ended with {result.code}{last_words(result)}",
            exit_code=result.code,
        )
    return result


def attempt(command: Command) -> Result:
    """Run to the end without judging the exit code (time-outs and missing programs still raise)."""
    started = time.monotonic()
    child = None
    try:
        with deferred():  # between its start and its entry in the list a child could be lost
            child = _start(command)
        out, err = child.communicate(command.stdin, timeout=command.timeout)
    except subprocess.TimeoutExpired:
        raise _too_late(command) from None
    finally:
        if child is not None:
            end_group(child)
            with _guard:
                _children.discard(child)
    return Result(child.returncode, out, err, time.monotonic() - started)


def _start(command: Command, output: TextIO | None = None) -> subprocess.Popen[bytes]:
    try:
        child = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=merged(command.env),
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=output or subprocess.PIPE,
            stderr=output or subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as fault:
        raise CommandFailed(f"can't run `{command.argv[0]}`: {fault.strerror}") from None
    with _guard:
        _children.add(child)
    return child


def _too_late(command: Command) -> CommandTimedOut:
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


def last_words(result: Result) -> str:
    """The end of what a program said, redacted, ready to follow a message."""
    said = redact(result.errors.strip() or result.text.strip()).splitlines()[-TAIL:]
    return "".join(f"\n  | {line}" for line in said)


def quoted(text: str) -> str:
    """What somebody else said, redacted, as lines that can't be taken for ours."""
    return "".join(f"\n  | {line}" for line in redact(text).strip().splitlines()[:TAIL])


def follow(command: Command) -> int:
    """Run with the person watching: what it prints goes to our standard error as it comes.

    Returns its exit code, whatever it is.

    Raises:
        CommandFailed: the program is missing.
        CommandTimedOut: it ran longer than `command.timeout`; the whole group was ended.
    """
    child = None
    try:
        with deferred():
            child = _start(command, output=sys.stderr)
        return child.wait(command.timeout)
    except subprocess.TimeoutExpired:
        raise _too_late(command) from None
    finally:
        if child is not None:
            end_group(child)
            with _guard:
                _children.discard(child)
