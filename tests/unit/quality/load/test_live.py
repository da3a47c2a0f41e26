"""The line that people watch while a load test runs."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.config.load_settings import Stage
from scripts.quality.load.live import live
from scripts.quality.load.plan import LoadPlan

CLOSED = LoadPlan("steady", "closed", 10, 5, (Stage(15),), writes=False)
OPEN = LoadPlan("steady", "open", 10, 5, (Stage(15),), writes=False)


@pytest.mark.parametrize(
    ("plan", "counts", "done", "said"),
    [
        (CLOSED, {}, 2, "the generator starts"),
        (CLOSED, {"at": 4, "users": 3}, 4, "warm-up of 5 s, 3 users"),
        (OPEN, {"at": 4, "users": 1}, 4, "warm-up of 5 s"),
        (OPEN, {"at": 15, "rate": 9.96, "p95": 1034.2, "failed": 2}, 15, "9.96/s, p95 1034 ms, 2 failed"),
        (CLOSED, {"at": 20, "rate": None, "p95": None, "users": 8}, 20, "0 failed, 8 users"),
        (CLOSED, {"at": 99, "rate": 3, "users": 8}, 20, "waiting for the last answers"),
        (OPEN, {"at": 15, "rate": "\x1b[2J", "p95": [], "failed": "x"}, 15, "0 failed"),
    ],
    ids=["start", "warm-up", "warm-up, open", "measured", "nothing yet", "at the end", "not numbers"],
)
def test_it_says_how_it_goes(plan: LoadPlan, counts: dict[str, Any], done: float, said: str) -> None:
    """Rate and p95 of the last seconds, all failures, users where there are any; how much has passed."""
    assert live(plan, counts, 2) == (done, 20, said)
