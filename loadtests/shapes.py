"""The load over time: stages of a profile, played as users or as arrivals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

RAMP = 0.2  # share of the first stage's load at the start of the warm-up
WAKES = 200  # times a second, at most, that what is due is sent: to wake up costs a request's time
SPAWN_RATE = 100.0  # users that Locust starts per second, at most


def share_of_peak(plan: dict[str, Any], at: float) -> float | None:
    """The share of the peak load at `at` seconds. It rises during the warm-up; None after the end."""
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
    while (share := share_of_peak(plan, at)) is not None:
        yield at
        at += 1 / (plan["peak"] * share)


def together(times: Iterator[float]) -> Iterator[float]:
    """The same times, each at the begin of its 5 ms: none is late by it, and none leaves its second."""
    return (int(at * WAKES) / WAKES for at in times)


def users(plan: dict[str, Any], at: float) -> tuple[int, float] | None:
    """The number of users at `at` seconds, and how many may start per second; None after the end."""
    warmup = plan["warmup"]
    if at < warmup:
        wanted = max(1, round(plan["peak"] * plan["stages"][0]["load"]))
        return wanted, min(SPAWN_RATE, max(1.0, wanted / (warmup * 0.7)))
    share = share_of_peak(plan, at)
    return None if share is None else (max(1, round(plan["peak"] * share)), SPAWN_RATE)
