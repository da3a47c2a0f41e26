"""`test`: the desk's own tests; `k` chooses as for `pytest -k`."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.workflows.quality.checks import TESTS, run_all
from scripts.workflows.toolbox import Progress


def run(progress: Progress, *, k: str | None) -> Outcome:
    """Unit, contract, architecture and integration tests."""
    return run_all(progress, ((*TESTS, *(("-k", k) if k else ())),))
