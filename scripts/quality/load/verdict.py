# pure
"""The verdict on a load test: what was measured against what was wanted. Pure.

No data is never a pass: whatever makes the figures doubtful comes first, but for an early abort: what was
hopeless failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from scripts.config.load_settings import Limits
from scripts.quality.load.baseline import Row
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measured, Series, enough, percentile

Word = Literal["passed", "failed", "inconclusive", "infrastructure"]
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
REACHED = 0.9  # of the wanted rate, or of the wanted users
BUSY = 0.9  # of a core
LATE = 100.0  # ms by which the generator's clock may be late, in 95 of 100 looks
TOTAL = "total"


@dataclass(frozen=True)
class Check:
    """One threshold: what was measured, the limit; `broken` is None where it can't be told."""

    endpoint: str
    what: str
    measured: float | None
    limit: float
    broken: bool | None
    why: str = ""

    def __str__(self) -> str:
        """In a few words."""
        unit = " ms" if self.what in SHARES else "/s" if self.what == "rate" else ""
        value = "nothing" if self.measured is None else f"{self.measured:.4g}{unit}"
        sign = "at least" if self.what in ("rate", "requests") else "at most"
        return f"{self.endpoint} {self.what}: {value}, {sign} {self.limit:g}{unit} wanted" + (
            f" ({self.why})" if self.why else ""
        )


@dataclass(frozen=True)
class Verdict:
    """How it ended, and why."""

    word: Word
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the run knows beside the figures.

    Args:
        expected: the commit that should be served; None when nobody knows one.
        served: the commits that were seen in turn; None: no answer.
    """

    plan: LoadPlan
    limits: Limits
    by_endpoint: Mapping[str, Limits]
    expected: str | None
    served: tuple[str | None, ...]


def judge(run: Measured, facts: Facts, rows: tuple[Row, ...] = ()) -> Verdict:
    """The verdict."""
    checks = tuple(_checks(run, facts))
    if run.aborted and run.aborted[0] == "threshold" and not list(served_faults(facts)):
        return Verdict("failed", (f"stopped early: {run.aborted[1]}",), checks, rows)
    doubts = [*_doubts(run, facts), *(str(each) for each in checks if each.broken is None)]
    if doubts:
        return Verdict("inconclusive", tuple(doubts), checks, rows)
    broken = [str(each) for each in checks if each.broken]
    broken += [f"regression of {each}" for each in rows if each.worse]
    return Verdict("failed" if broken else "passed", tuple(broken), checks, rows)


def served_faults(facts: Facts) -> Iterator[str]:
    """Another commit than the expected one, or more than one, was under load."""
    known = [each for each in facts.served if each]
    if not known:
        yield "nobody can say which commit was served"
        return
    if facts.expected and known[0] != facts.expected:
        yield f"`{known[0][:12]}` is served, where `{facts.expected[:12]}` should be"
    elif len(set(known)) > 1:
        yield f"the app was redeployed in the middle: {' -> '.join(each[:12] for each in known)}"


def _doubts(run: Measured, facts: Facts) -> Iterator[str]:
    yield from served_faults(facts)
    if not run.total.count:
        yield "not one request was measured"
    if run.workers_reported < run.workers_expected:
        yield f"{run.workers_expected - run.workers_reported} of {run.workers_expected} workers were lost"
    elif not run.complete:
        yield "it was not played to its end" + (f": {run.aborted[1]}" if run.aborted else "")
    for fault, n in run.faults.items():
        yield f"a journey has a bug ({n} times): {fault}"
    yield from _logins(run)
    yield from _load(run, facts)
    yield from _generator(run)


def _logins(run: Measured) -> Iterator[str]:
    if run.logins.get("limited"):
        yield f"{run.logins['limited']} log-ins were refused with 429: the limit of the auth service"
    if run.logins.get("failed"):
        yield f"{run.logins['failed']} log-ins failed"


def _load(run: Measured, facts: Facts) -> Iterator[str]:
    """Whether the load was there at all."""
    wanted = facts.plan.peak * max(each.load for each in facts.plan.stages)
    if facts.plan.model == "closed" and run.peak_users < REACHED * wanted:
        yield f"only {run.peak_users} of {wanted:g} users were there"
    due = facts.plan.peak * sum(each.seconds * each.load for each in facts.plan.stages)
    if facts.plan.model == "open" and run.total.count < REACHED * due:
        yield f"only {run.total.count} of {due:.0f} requests were made: under {REACHED:.0%} of the rate"


def _generator(run: Measured) -> Iterator[str]:
    if run.busiest is not None and run.busiest > BUSY:
        yield f"the generator was at its limit ({run.busiest:.0%} of a core): use `--processes`"
    late = percentile(run.lag, 0.95)
    if late is not None and late > LATE:
        yield f"the generator's own clock was {late:.0f} ms late: this machine is too busy to measure"


def _checks(run: Measured, facts: Facts) -> Iterator[Check]:
    yield from _of(TOTAL, run.total, facts.limits, run, facts.plan)
    for name, limits in facts.by_endpoint.items():
        if name in run.left_out and not facts.plan.writes:
            continue  # the environment allows no writes: the report says what was left out
        yield from _of(name, run.endpoints.get(name), limits, run, facts.plan)


def _of(name: str, series: Series | None, limits: Limits, run: Measured, plan: LoadPlan) -> Iterator[Check]:
    """An endpoint that was never seen fails no threshold, and passes none."""
    if series is None or not series.count:
        yield Check(name, "requests", None, 1, None, "it was never seen")
        return
    for what, share in SHARES.items():
        limit = getattr(limits, what)
        if limit:
            few = series.count < enough(share)
            why = f"too few samples: {series.count} of {enough(share)}" if few else ""
            value = series.at(share)
            yield Check(name, what, value, limit, None if few or value is None else value > limit, why)
    rate = series.count / plan.seconds
    if limits.failures:
        yield Check(name, "failures", series.failures, limits.failures, series.failures > limits.failures)
    if limits.rate:
        yield Check(name, "rate", rate, limits.rate, rate < limits.rate)
    if limits.dropped and name == TOTAL and plan.model == "open":
        share = run.dropped / max(1, run.planned)
        yield Check(name, "dropped", share, limits.dropped, share > limits.dropped)
