"""The wrong Python: a sentence and a way out, never a traceback."""

from __future__ import annotations

import subprocess
import sys

from tests.support.desks import ROOT, Ended, environment

CALL = "import sys; sys.modules[{lacks!r}] = None; sys.argv = ['invoke', *{words!r}]; {then}"


def python(*arguments: str) -> Ended:
    """Run this Python in the desk's folder, with the sandbox's paths out of the way."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(None),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_a_python_without_invoke_is_named() -> None:
    """With the command that installs what is missing."""
    then = "import runpy; runpy.run_path('tasks.py')"
    ended = python("-c", CALL.format(lacks="invoke", words=("doctor", "--json"), then=then))

    assert ended.code == 3
    assert ended.err.startswith(f"error: `{sys.executable}` has no package `invoke`")
    assert "hint: `scripts/bootstrap --list`" in ended.err
    assert (ended.document["ending"], ended.document["code"]) == ("failed", 3)


def test_a_python_that_is_too_old_is_named() -> None:
    """Before anything is imported that it can't read."""
    then = "sys.version_info = (3, 9, 1); import tasks"
    ended = python("-c", CALL.format(lacks="nothing", words=("status",), then=then))

    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("error: the desk needs Python 3.11 or newer;")
    assert "is 3.9.1" in ended.err


def test_the_tasks_file_is_no_program() -> None:
    """It would load the tasks and run none, with exit code 0."""
    ended = python("tasks.py", "promote", "--to", "staging")

    assert (ended.code, ended.out) == (2, "")
    assert "hint: `invoke promote --to staging`" in ended.err
