# pure
"""The endpoints of a run, one row each: what was measured, the limit that matters, what that means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.quality.load.baseline import Comparison
from scripts.quality.load.result import Measurements, Series
from scripts.quality.load.verdict import AT_LEAST, TOTAL, Check, Verdict


@dataclass(frozen=True)
class EndpointRow:
    """One endpoint, or the total.

    Args:
        check: the limit that is broken or, where all hold, the one that is closest; None: it has none.
        change: of its typical p95 against the baseline, as a ratio; None: there is nothing to compare.
        verdict: `ok`, `over` a limit, `slower` than the baseline, `unknown` (a limit can't be decided),
            or "" where it has no limit of its own.
    """

    name: str
    series: Series
    check: Check | None
    change: float | None
    verdict: str


def endpoint_rows(run: Measurements | None, verdict: Verdict) -> tuple[EndpointRow, ...]:
    """Every endpoint that was seen or has a limit, and the total at the end; () without measurements."""
    if run is None:
        return ()
    unseen = [check.endpoint for check in verdict.checks if check.endpoint not in (*run.endpoints, TOTAL)]
    every = {**run.endpoints, **dict.fromkeys(unseen, Series({}, {})), TOTAL: run.total}
    return tuple(_row(name, series, verdict) for name, series in every.items())


def _row(name: str, series: Series, verdict: Verdict) -> EndpointRow:
    checks = [check for check in verdict.checks if check.endpoint == name]
    against = [each for each in verdict.comparisons if each.endpoint == name]
    return EndpointRow(
        name,
        series,
        max(checks, key=_weight, default=None),
        next((each.change for each in against if each.what == "p95"), None),
        next(_verdicts(checks, against), ""),
    )


def _verdicts(checks: Sequence[Check], against: Sequence[Comparison]) -> Iterator[str]:
    """The gravest first."""
    if any(check.broken for check in checks):
        yield "over"
    if any(check.broken is None for check in checks):
        yield "unknown"
    if any(each.is_regression for each in against):
        yield "slower"
    if checks:
        yield "ok"


def _weight(check: Check) -> tuple[bool, bool, float]:
    """A broken limit before an undecided one, before those that hold; then the one that is used up most."""
    return bool(check.broken), check.broken is None, used(check)


def used(check: Check) -> float:
    """How much of the limit is used up; above 1 it is broken."""
    if not check.measured or not check.limit:
        return 0.0
    return check.limit / check.measured if check.what in AT_LEAST else check.measured / check.limit
