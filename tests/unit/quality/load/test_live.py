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
    ("plan", "counts", "said", "share"),
    [
        (CLOSED, {}, "the generator starts", 0.1),
        (CLOSED, {"at": 4, "users": 3}, "warm-up of 5 s, 3 users", 0.2),
        (OPEN, {"at": 4, "users": 1}, "warm-up of 5 s", 0.2),
        (OPEN, {"at": 15, "rate": 9.96, "p95": 1034.2, "failed": 2}, "9.96/s, p95 1034 ms, 2 failed", 0.75),
        (CLOSED, {"at": 99, "rate": None, "p95": None, "users": 8}, "0 failed, 8 users", 1),
        (OPEN, {"at": 15, "rate": "\x1b[2J", "p95": [], "failed": "x"}, "0 failed", 0.75),
    ],
    ids=["start", "warm-up", "warm-up, open", "measured", "nothing yet", "not numbers"],
)
def test_it_says_how_it_goes(plan: LoadPlan, counts: dict[str, Any], said: str, share: float) -> None:
    """Rate and p95 of the last seconds, all failures, users where there are any; how much has passed."""
    told, passed = live(plan, counts, 2)

    assert (told, passed) == (said, share)
