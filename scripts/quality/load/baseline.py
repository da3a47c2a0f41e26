# pure
"""Compares a run with the best of the last passed ones of its kind: what is slower than noise explains.

The best, not the last: of a slowdown that creeps in by a little each time every step is within the noise.

The *typical p50 and p95* of each endpoint are compared: each is the median over ten parts of the run of
that part's percentile. A hiccup of the machine spoils one part, not the median; a true slowdown is in
every part. A regression is a rise of either by more than the noise band: the largest of `noise` (a
ratio), `noise_ms` and four standard errors of the two medians (from how the parts scatter), plus the
time by which the generator's own clock was later than then. Bursts are covered by the thresholds on p95
and p99 of the whole run.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.quality.load.result import Measurements, Series, percentile

MIN_PARTS = 3
STANDARD_ERRORS = 4.0  # more was not seen in 220 pairs of equal runs on an overloaded machine
MAD_TO_SIGMA = 1.4826  # scales a median absolute deviation to a standard deviation
MEDIAN_ERROR = 1.2533  # times sigma / sqrt(n): the standard error of a median
SHARES = {"p50": 0.5, "p95": 0.95}


@dataclass(frozen=True)
class Comparison:
    """One endpoint's typical p50 or p95 against the baseline; times in ms."""

    endpoint: str
    what: str
    before: float
    after: float
    band: float

    @property
    def change(self) -> float:
        """As a ratio of the baseline."""
        return (self.after - self.before) / self.before if self.before else 0.0

    @property
    def is_regression(self) -> bool:
        """Slower than noise explains."""
        return self.after > self.before + self.band

    def __str__(self) -> str:
        """In a few words."""
        return (
            f"`{self.endpoint}`: typical {self.what} {self.before:.4g} -> {self.after:.4g} ms"
            f" ({self.change:+.0%}), beyond the noise band of {self.band:.3g} ms"
        )


def summary(run: Measurements) -> dict[str, Any]:
    """What the ledger keeps of a run, so that a later one on any machine can be compared with it."""
    return {
        "lag": percentile(run.lag, 0.95) or 0.0,
        "endpoints": {name: _summary_of(series) for name, series in run.endpoints.items()},
    }


def _summary_of(series: Series) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "n": series.count,
        "p50": series.percentile(0.5),
        "p95": series.percentile(0.95),
        "p99": series.percentile(0.99),
    }
    for what, share in SHARES.items():
        parts = series.percentile_by_part(share)
        median = statistics.median(parts) if parts else 0.0
        sigma = MAD_TO_SIGMA * statistics.median([abs(part - median) for part in parts]) if parts else 0.0
        fields |= {
            "parts": len(parts),
            f"typical_{what}": round(median, 3),
            f"scatter_{what}": round(sigma, 3),
        }
    return fields


def best(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One summary of several: each endpoint as the run had it in which its typical p95 was lowest."""
    endpoints: dict[str, Any] = {}
    for run in runs:
        found = run.get("endpoints")
        for name, figures in found.items() if isinstance(found, Mapping) else ():
            known = endpoints.get(name)
            if isinstance(figures, Mapping) and (known is None or _typical(figures) < _typical(known)):
                endpoints[name] = figures
    return {"lag": min((_number(run, "lag") for run in runs), default=0.0), "endpoints": endpoints}


def _typical(figures: Mapping[str, Any]) -> float:
    return _number(figures, "typical_p95") or math.inf


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], noise: float, noise_ms: float
) -> tuple[Comparison, ...]:
    """Compare two summaries, for each endpoint that both measured often enough."""
    extra_lag = max(0.0, _number(after, "lag") - _number(before, "lag"))
    olds, news = before.get("endpoints"), after.get("endpoints")
    if not isinstance(olds, Mapping) or not isinstance(news, Mapping):
        return ()
    comparisons = []
    for name, new in news.items():
        old = olds.get(name)
        if not isinstance(old, Mapping) or min(_number(old, "parts"), _number(new, "parts")) < MIN_PARTS:
            continue
        for what in SHARES:
            typical = _number(old, f"typical_{what}")
            band = max(noise * typical, noise_ms, STANDARD_ERRORS * _error(old, new, what)) + extra_lag
            comparisons.append(Comparison(name, what, typical, _number(new, f"typical_{what}"), band))
    return tuple(comparisons)


def _error(old: Mapping[str, Any], new: Mapping[str, Any], what: str) -> float:
    """The standard error of the difference of two medians."""
    return MEDIAN_ERROR * math.hypot(
        *(_number(run, f"scatter_{what}") / math.sqrt(_number(run, "parts")) for run in (old, new))
    )


def not_comparable(run: Mapping[str, Any]) -> tuple[str, ...]:
    """The endpoints of a summary with too few requests to be compared, now or later."""
    return tuple(name for name, endpoint in run["endpoints"].items() if endpoint["parts"] < MIN_PARTS)


def _number(table: Mapping[str, Any], key: str) -> float:
    """A number from the ledger, which anybody may have written; 0 if it is none."""
    value = table.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
