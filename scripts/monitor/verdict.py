# pure
"""Whether a release is worse than the one before: from samples, with room for chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from scripts.config.monitor_settings import WatchWindow
from scripts.monitor.judge import percentiles
from scripts.state.ledger import Event

WITHIN = 60.0  # seconds that are looked back for a breach
ENOUGH = 120  # samples that say something
SIGMA = 3.5  # standard deviations beyond chance
RAREST = 0.005  # share of failures that is taken for the usual one where none was seen
FLOOR = 0.1  # seconds by which a p95 must have grown at least


class Sample(NamedTuple):
    """One request of a watch window; `at` in seconds, by the monotonic clock."""

    at: float
    good: bool
    seconds: float
    why: str = ""


class Figures(NamedTuple):
    """What a window measured of a release; `issues`: new ones at Sentry, None where it was not asked."""

    release: str
    requests: int
    errors: float
    p95: float
    issues: int | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**self._asdict(), "errors": round(self.errors, 4), "p95": round(self.p95, 4)}


def figures(release: str, samples: Sequence[Sample], issues: int | None = None) -> Figures:
    """Of all samples."""
    pace = percentiles([each.seconds for each in samples if each.good])
    failed = sum(not each.good for each in samples)
    return Figures(release, len(samples), failed / max(1, len(samples)), pace[1] if pace else 0.0, issues)


def baseline(proofs: Sequence[Event], commit: str) -> Figures | None:
    """The figures of the last release that passed its window, and is not this one; None without any."""
    for event in reversed(proofs):
        found = event.detail.get("figures")
        if event.ending == "done" and event.commit != commit and isinstance(found, dict):
            numbers = [found.get(name) for name in ("requests", "errors", "p95")]
            if all(isinstance(each, int | float) for each in numbers):
                made = Figures(event.release, *numbers)  # type: ignore[arg-type]
                issues = found.get("issues")
                return made._replace(issues=issues if isinstance(issues, int) else None)
    return None


def breach(samples: Sequence[Sample], before: Figures | None, rules: WatchWindow) -> str:
    """Why the last minute is worse than it may be; "" if it is not, or if that can't be told yet."""
    if not samples:
        return ""
    recent = [each for each in samples if samples[-1].at - each.at <= WITHIN]
    number, failed = len(recent), sum(not each.good for each in recent)
    usual = max(before.errors if before else 0.0, RAREST)
    limit = max(rules.errors, rules.worse * (before.errors if before else 0.0))
    by_chance = usual * number + SIGMA * math.sqrt(usual * number * (1 - min(usual, 1.0)))
    if number < ENOUGH or failed / number <= limit or failed <= by_chance:
        return ""
    last = next(each.why for each in reversed(recent) if not each.good)
    known = f", {before.errors:.1%} with {before.release}" if before else ""
    return f"{failed / number:.1%} of {number} requests failed{known}: {last}"


def newer(count: int, newest: str, before: Figures | None, rules: WatchWindow) -> str:
    """Why Sentry's new issues are more than there may be; "" if they are not."""
    usual = (before.issues or 0) if before else 0
    if count <= max(rules.issues, usual):
        return ""
    known = f", {usual} with {before.release}" if before else ""
    return f"{count} new issue{'' if count == 1 else 's'} at Sentry{known}: {newest}"


def slower(seen: Figures, before: Figures | None, rules: WatchWindow) -> str:
    """By how much it got slower; "" if it did not."""
    if before is None or seen.p95 <= rules.slower * before.p95 or seen.p95 - before.p95 < FLOOR:
        return ""
    return f"slower: p95 {seen.p95 * 1000:.0f} ms, {before.p95 * 1000:.0f} ms with {before.release}"
