"""A run against the last passed one of the same kind: what is slower than chance and noise explain. Pure.

Compared is the *typical p95* of each endpoint: the median over ten parts of the run of each part's p95. A
hiccup of the machine spoils a part, not the median; an endpoint that became slower is slower in every part.
A regression is a rise by more than the noise band: the largest of `noise` (a ratio), `noise_ms` and what
the parts scatter by; plus how late the generator's own clock was. Bursts are for the thresholds on p95
and p99 of the whole.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.domain.quality.histogram import percentile
from scripts.domain.quality.load_run import Measured, Series

FEWEST_PARTS = 3
SCATTER = 2.0  # times the scatter of the parts
STEADY = 1.4826  # makes a median of deviations a standard deviation


@dataclass(frozen=True)
class Row:
    """One endpoint against the baseline; times in ms."""

    name: str
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
            f"`{self.name}`: typical p95 {self.before:.4g} -> {self.after:.4g} ms ({self.change:+.0%}),"
            f" beyond the noise band of {self.band:.3g} ms"
        )


def summary(run: Measured) -> dict[str, Any]:
    """What the ledger keeps of a run, so that a later one on any machine can be compared."""
    return {
        "lag": percentile(run.lag, 0.95) or 0.0,
        "endpoints": {name: _of(series) for name, series in run.endpoints.items()},
    }


def _of(series: Series) -> dict[str, Any]:
    parts = series.parts()
    middle = statistics.median(parts) if parts else 0.0
    scatter = STEADY * statistics.median([abs(each - middle) for each in parts]) if parts else 0.0
    return {
        "n": series.count,
        "p50": series.at(0.5),
        "p95": series.at(0.95),
        "p99": series.at(0.99),
        "typical": round(middle, 3),
        "scatter": round(scatter, 3),
        "parts": len(parts),
    }


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], noise: float, noise_ms: float
) -> tuple[Row, ...]:
    """Each endpoint that both know well enough."""
    late = max(_number(before, "lag"), _number(after, "lag"))
    olds, news = before.get("endpoints"), after.get("endpoints")
    if not isinstance(olds, Mapping) or not isinstance(news, Mapping):
        return ()
    rows = []
    for name, new in news.items():
        old = olds.get(name)
        if not isinstance(old, Mapping) or min(_number(old, "parts"), _number(new, "parts")) < FEWEST_PARTS:
            continue
        scatter = SCATTER * max(_number(old, "scatter"), _number(new, "scatter"))
        typical = _number(old, "typical")
        rows.append(
            Row(
                name,
                typical,
                _number(new, "typical"),
                max(noise * typical, noise_ms, scatter) + late,
            )
        )
    return tuple(rows)


def too_few(kept: Mapping[str, Any]) -> tuple[str, ...]:
    """The endpoints that were asked too seldom to be compared, now or later."""
    return tuple(name for name, each in kept["endpoints"].items() if each["parts"] < FEWEST_PARTS)


def _number(table: Mapping[str, Any], key: str) -> float:
    """A number of the ledger, which somebody else may have written."""
    value = table.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
