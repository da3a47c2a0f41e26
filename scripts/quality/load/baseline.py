# pure
"""A run against the last passed one of its kind: what is slower than chance and noise explain. Pure.

Compared are the *typical p50 and p95* of each endpoint: the median over ten parts of the run of each
part's percentile. A hiccup of the machine spoils a part, not the median; what became slower is slower
in every part. A regression is a rise of either by more than the noise band: the largest of `noise` (a
ratio), `noise_ms` and four standard errors of the two medians, as the parts scatter; plus by how much
more the generator's own clock was late than then. Bursts are for the thresholds on p95 and p99 of the
whole.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.quality.load.result import Measured, Series, percentile

FEWEST_PARTS = 3
ERRORS = 4.0  # standard errors: more was not seen in 220 pairs of runs on an overloaded machine
STEADY = 1.4826  # makes a median of deviations a standard deviation
OF_MEDIAN = 1.2533  # times that, by the root of their number: the standard error of a median
SHARES = {"p50": 0.5, "p95": 0.95}


@dataclass(frozen=True)
class Row:
    """One endpoint's typical p50 or p95 against the baseline; times in ms."""

    name: str
    what: str
    before: float
    after: float
    band: float

    @property
    def change(self) -> float:
        """As a ratio of what it was."""
        return (self.after - self.before) / self.before if self.before else 0.0

    @property
    def worse(self) -> bool:
        """Slower than noise explains."""
        return self.after > self.before + self.band

    def __str__(self) -> str:
        """In a few words."""
        return (
            f"`{self.name}`: typical {self.what} {self.before:.4g} -> {self.after:.4g} ms"
            f" ({self.change:+.0%}), beyond the noise band of {self.band:.3g} ms"
        )


def summary(run: Measured) -> dict[str, Any]:
    """What the ledger keeps of a run, so that a later one on any machine can be compared."""
    return {
        "lag": percentile(run.lag, 0.95) or 0.0,
        "endpoints": {name: _of(series) for name, series in run.endpoints.items()},
    }


def _of(series: Series) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "n": series.count,
        "p50": series.at(0.5),
        "p95": series.at(0.95),
        "p99": series.at(0.99),
    }
    for what, share in SHARES.items():
        parts = series.parts(share)
        middle = statistics.median(parts) if parts else 0.0
        scatter = STEADY * statistics.median([abs(each - middle) for each in parts]) if parts else 0.0
        kept |= {
            "parts": len(parts),
            f"typical_{what}": round(middle, 3),
            f"scatter_{what}": round(scatter, 3),
        }
    return kept


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], noise: float, noise_ms: float
) -> tuple[Row, ...]:
    """Each endpoint that both know well enough."""
    later = max(0.0, _number(after, "lag") - _number(before, "lag"))
    olds, news = before.get("endpoints"), after.get("endpoints")
    if not isinstance(olds, Mapping) or not isinstance(news, Mapping):
        return ()
    known = [
        (name, olds[name], new)
        for name, new in news.items()
        if isinstance(olds.get(name), Mapping)
        and min(_number(olds[name], "parts"), _number(new, "parts")) >= FEWEST_PARTS
    ]
    rows = []
    for name, old, new in known:
        for what in SHARES:
            typical = _number(old, f"typical_{what}")
            band = max(noise * typical, noise_ms, ERRORS * _error(old, new, what)) + later
            rows.append(Row(name, what, typical, _number(new, f"typical_{what}"), band))
    return tuple(rows)


def _error(old: Mapping[str, Any], new: Mapping[str, Any], what: str) -> float:
    """The standard error of the difference of two medians."""
    return OF_MEDIAN * math.hypot(
        *(_number(each, f"scatter_{what}") / math.sqrt(_number(each, "parts")) for each in (old, new))
    )


def too_few(kept: Mapping[str, Any]) -> tuple[str, ...]:
    """The endpoints that were asked too seldom to be compared, now or later."""
    return tuple(name for name, each in kept["endpoints"].items() if each["parts"] < FEWEST_PARTS)


def _number(table: Mapping[str, Any], key: str) -> float:
    """A number of the ledger, which somebody else may have written."""
    value = table.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
