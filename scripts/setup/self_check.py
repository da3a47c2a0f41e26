"""`test` and `check`: the desk's own tests and linters, as people and CI run them."""

from __future__ import annotations

import sys

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.setup.request import SelfCheckRequest, TestRequest
from scripts.system.background import submit
from scripts.system.command import Command, full_env
from scripts.system.process import stream_lines

TIMEOUT = 3600.0  # seconds for each program
# Three workers for two cores, because the tests wait for servers half of the time. One worker runs a
# whole file: its tests share a sandbox, and leave it as they found it. In the order of collection the long
# files (chaos, integration) come first; by number of tests, xdist's own order, they would come last.
TESTS = ("pytest", "-q", "-rs", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
# Side by side: each keeps one core busy. Collecting the tests compiles them, once and not in each worker.
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("pytest", "--collect-only", "-qq"),
)


def run_all(progress: Progress, *groups: tuple[tuple[str, ...], ...]) -> Outcome:
    """Run the groups in order, also after one failed; the commands of a group run side by side."""
    failed: list[str] = []
    for group in groups:
        for command in group:
            progress.note(f"$ {' '.join(command)}")
        run = _stream if len(group) == 1 else _gather
        failed += [
            _name(command) for command, code in zip(group, run(progress, group), strict=True) if code
        ]
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


def _stream(progress: Progress, group: tuple[tuple[str, ...], ...]) -> list[int]:
    return [stream_lines(_called(command), progress.output) for command in group]


def _gather(progress: Progress, group: tuple[tuple[str, ...], ...]) -> list[int]:
    """Show what each printed once it has ended: all of it if it failed, else its last line."""

    def run(command: tuple[str, ...]) -> tuple[int, list[str]]:
        printed: list[str] = []
        code = stream_lines(_called(command), printed.append)
        return code, "\n".join(printed).splitlines()

    codes = []
    for running in [submit(run, command) for command in group]:
        code, lines = running.result()
        progress.output("\n".join(lines if code else lines[-1:]))
        codes.append(code)
    return codes


def _called(command: tuple[str, ...]) -> Command:
    """Ours, with leave to store bytecode: else each call of the desk compiles it again."""
    env = {name: value for name, value in full_env().items() if name != "PYTHONDONTWRITEBYTECODE"}
    return Command((sys.executable, "-m", *command), cwd=DESK, env=env, timeout=TIMEOUT)


def _name(command: tuple[str, ...]) -> str:
    return " ".join(command[:2] if command[0] == "ruff" else command[:1])


def check(progress: Progress, request: SelfCheckRequest) -> Outcome:
    """Run what CI demands: format, lint, types, and all tests unless `--no-tests`."""
    _require_tests()
    return run_all(progress, CHECKS, *([(TESTS,)] if request.tests else []))


def test(progress: Progress, request: TestRequest) -> Outcome:
    """Run the desk's own tests, or those that `-k` chooses."""
    _require_tests()
    return run_all(progress, ((*TESTS, *(("-k", request.k) if request.k else ())),))
