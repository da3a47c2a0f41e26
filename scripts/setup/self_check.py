"""The desk's own checks, as people and CI run them: each is a program with an exit code."""

from __future__ import annotations

import sys

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.setup.request import SelfCheckRequest, TestRequest
from scripts.system.command import Command, full_env
from scripts.system.process import stream_lines

LONGEST = 3600.0

# a file is done by one worker: its tests share a world, and leave it as they found it
TESTS = ("pytest", "-q", "-rs", "-n", "2", "--dist", "loadfile")
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
)


def run_all(progress: Progress, commands: tuple[tuple[str, ...], ...]) -> Outcome:
    """Run them in order; all run, so that one visit shows every fault."""
    failed = []
    for command in commands:
        progress.note(f"$ {' '.join(command)}")
        called = Command((sys.executable, "-m", *command), cwd=DESK, env=full_env(), timeout=LONGEST)
        if stream_lines(called, progress.output):
            failed.append(command[0] if command[0] != "ruff" else " ".join(command[:2]))
    if failed:
        return Outcome.failed(f"failed: {', '.join(failed)}", failed=failed)
    return Outcome.done("all passed", failed=[])


# `check`: what CI demands: format, lint, types, architecture and all tests.


def check(progress: Progress, request: SelfCheckRequest) -> Outcome:
    """Everything; the architecture test is one of the tests."""
    return run_all(progress, (*CHECKS, TESTS) if request.tests else CHECKS)


# `test`: the desk's own tests; `k` chooses as for `pytest -k`.


def test(progress: Progress, request: TestRequest) -> Outcome:
    """Unit, contract, architecture and integration tests."""
    return run_all(progress, ((*TESTS, *(("-k", request.k) if request.k else ())),))
