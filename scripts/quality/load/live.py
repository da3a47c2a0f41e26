# pure
"""What people see while a load test runs: one line, from what the generator has counted so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.verdict import milliseconds


def live(plan: LoadPlan, counts: Mapping[str, Any], elapsed: float) -> tuple[float, float, str]:
    """The seconds that have passed, those of the whole, and how it goes in words.

    Args:
        counts: of the generator, which runs code of a commit; what is no number is not shown.
        elapsed: seconds since it was started.
    """
    total = plan.warmup + plan.seconds
    at = _number(counts, "at")
    if at is None:
        return min(elapsed, total), total, "the generator starts"
    if at > total:
        return total, total, "waiting for the last answers"
    users = f", {_number(counts, 'users') or 0:.0f} users" if plan.model == "closed" else ""
    if at < plan.warmup:
        return at, total, f"warm-up of {plan.warmup:.3g} s{users}"
    rate, p95 = _number(counts, "rate"), _number(counts, "p95")
    parts = [f"{rate:.3g}/s"] if rate is not None else []
    parts += [f"p95 {milliseconds(p95)} ms"] if p95 is not None else []
    parts.append(f"{_number(counts, 'failed') or 0:.0f} failed")
    return at, total, ", ".join(parts) + users


def _number(counts: Mapping[str, Any], key: str) -> float | None:
    value = counts.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
