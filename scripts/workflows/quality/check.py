"""`check`: what CI demands: format, lint, types, architecture and all tests."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.workflows.quality.checks import CHECKS, TESTS, run_all
from scripts.workflows.toolbox import Progress


def run(progress: Progress, *, tests: bool) -> Outcome:
    """Everything; the architecture test is one of the tests."""
    return run_all(progress, (*CHECKS, TESTS) if tests else CHECKS)
