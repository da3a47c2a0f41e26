"""`test` and `check`: the desk's own tests and linters, as people and CI run them."""

from __future__ import annotations

import sys

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.setup.request import SelfCheckRequest, TestRequest
from scripts.system.command import Command, full_env
from scripts.system.process import stream_lines

TIMEOUT = 3600.0  # seconds for each program
# Three workers for two cores, because the tests wait for servers half of the time. One worker runs a
# whole file: its tests share a sandbox, and leave it as they found it. In the order of collection the long
# files (chaos, integration) come first; by number of tests, xdist's own order, they would come last.
TESTS = ("pytest", "-q", "-rs", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
)


def _env() -> dict[str, str]:
    """Ours, with leave to store bytecode: else each call of the desk compiles it again."""
    return {name: value for name, value in full_env().items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_all(progress: Progress, commands: tuple[tuple[str, ...], ...]) -> Outcome:
    """Run all of them, in order, also after one failed."""
    failed, env = [], _env()
    for command in commands:
        progress.note(f"$ {' '.join(command)}")
        called = Command((sys.executable, "-m", *command), cwd=DESK, env=env, timeout=TIMEOUT)
        if stream_lines(called, progress.output):
            failed.append(command[0] if command[0] != "ruff" else " ".join(command[:2]))
    if failed:
        return Outcome.failed(f"failed: {', '.join(failed)}", failed=failed)
    return Outcome.done("all passed", failed=[])


def _require_tests() -> None:
    """Refuse where the desk's own tests are not: those of the app around it are not meant.

    Raises:
        Refused: this is a copy in an app.
    """
    if not (DESK / "tests" / "unit").is_dir():
        raise Refused(
            f"`{DESK}` is a copy of the desk, without the desk's own tests",
            "run them in the desk's own repository; `invoke test-e2e --env staging` tests the app",
        )


def check(progress: Progress, request: SelfCheckRequest) -> Outcome:
    """Run what CI demands: format, lint, types, and all tests unless `--no-tests`."""
    _require_tests()
    return run_all(progress, (*CHECKS, TESTS) if request.tests else CHECKS)


def test(progress: Progress, request: TestRequest) -> Outcome:
    """Run the desk's own tests, or those that `-k` chooses."""
    _require_tests()
    return run_all(progress, ((*TESTS, *(("-k", request.k) if request.k else ())),))
