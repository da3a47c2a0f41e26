"""How much load there is when: tables of stages, played as users or as arrivals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

RAMP = 0.2  # share of the first stage's load that the warm-up begins with
FASTEST = 100.0  # users that Locust starts in a second


def level(plan: dict[str, Any], at: float) -> float | None:
    """The share of the peak at `at` seconds; it rises during the warm-up; None after the end."""
    stages, warmup = plan["stages"], plan["warmup"]
    if at < warmup:
        return float(stages[0]["load"]) * (RAMP + (1 - RAMP) * at / warmup)
    at -= warmup
    for stage in stages:
        if at < stage["seconds"]:
            return float(stage["load"])
        at -= stage["seconds"]
    return None


def arrivals(plan: dict[str, Any]) -> Iterator[float]:
    """When the requests of the open model are due, in seconds from the start."""
    at = 0.0
    while (share := level(plan, at)) is not None:
        yield at
        at += 1 / (plan["peak"] * share)


def users(plan: dict[str, Any], at: float) -> tuple[int, float] | None:
    """How many users there are at `at` seconds, and how many may start a second; None after the end."""
    stages = plan["stages"]
    if at < plan["warmup"]:
        wanted = max(1, round(plan["peak"] * stages[0]["load"]))
        return wanted, min(FASTEST, max(1.0, wanted / (plan["warmup"] * 0.7)))
    share = level(plan, at)
    return None if share is None else (max(1, round(plan["peak"] * share)), FASTEST)
