"""What this Python lacks, in a sentence instead of a traceback.

It must be readable by an old Python, and imports nothing that may be missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator

from scripts import DESK
from scripts.language import translate

OLDEST = (3, 11)
FAILED = 3  # exit code: a program of this machine is at fault, no rule


def check() -> None:
    """Leave if the desk can't be loaded by this Python: it is too old, or without Invoke."""
    if sys.version_info < OLDEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        refuse(f"the desk needs Python 3.11 or newer; `{sys.executable}` is {version}")
    try:
        import invoke  # noqa: F401 - whether it is there
    except ModuleNotFoundError:
        _refuse_without("invoke")


@contextlib.contextmanager
def complete() -> Iterator[None]:
    """Leave where a package is missing in the block: the `invoke` of another environment was called."""
    try:
        yield
    except ModuleNotFoundError as fault:
        missing = str(fault.name).partition(".")[0]
        if missing == "scripts":
            raise
        _refuse_without(missing)


def _refuse_without(module: str) -> None:
    refuse(f"`{sys.executable}` has no package `{module}`: the desk was installed into another Python")


def _installing() -> str:
    """The way out, with paths from where it is typed: in an app, the desk is in a folder of its own."""
    with contextlib.suppress(OSError):
        there = os.path.relpath(str(DESK))
        here = "" if there == "." else there + "/"
        return (
            f"`{here}scripts/bootstrap --list` installs what it needs; then `. {here}.venv/bin/activate`,"
            " and `invoke` again"
        )
    return f"`{DESK}/scripts/bootstrap --list` installs what it needs"


def refuse(message: str, hint: str = "", code: int = FAILED) -> None:
    """Say it as every other error is said, and leave."""
    hint = hint or _installing()
    said = f"error: {message}\n\nhint: {hint}\n"
    with contextlib.suppress(Exception):  # an old Python may not be able to
        said = translate(said)
    sys.stderr.write(said)
    if {"--json", "-j"} & set(sys.argv):
        document = {"ending": "failed", "code": code, "message": message, "hint": hint}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def not_a_program() -> None:
    """`python tasks.py` would load the tasks and run none."""
    words = " ".join(sys.argv[1:]) or "--list"
    refuse("`tasks.py` is read by `invoke`, and runs no task itself", f"`invoke {words}`", code=2)
