# pure
"""The verdict on a load test. Without trustworthy data there is no pass.

A broken threshold fails the run whatever else is in doubt; any doubt makes a run inconclusive that broke
none. Only where nobody can say which commit was under load is nothing failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from scripts.config.load_settings import RATIOS, TIMES, Limits
from scripts.quality.load.baseline import Comparison
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measurements, Series, percentile, samples_needed

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
MIN_REACHED = 0.9  # of the wanted rate or users
MAX_CPU = 0.9  # of a core
MAX_LAG = 100.0  # ms by which the generator's clock may be late, at p95
TOTAL = "total"
AT_LEAST = ("rate", "requests")  # of these a limit is the least, of the others the most


def milliseconds(value: float | None) -> str:
    """A time as a number that people read: three digits, or all of those before the point."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def amount(what: str, value: float | None) -> str:
    """A measured value or a limit with its unit: `412 ms`, `0.1 %`, `20/s`."""
    if value is None:
        return "-"
    if what in TIMES:
        return f"{milliseconds(value)} ms"
    return (
        f"{100 * value:.3g} %" if what in RATIOS else f"{value:.4g}/s" if what == "rate" else f"{value:g}"
    )


@dataclass(frozen=True)
class Check:
    """One threshold: what was measured, and the limit. `broken` is None if it can't be decided (`why`)."""

    endpoint: str
    what: str
    measured: float | None
    limit: float
    broken: bool | None
    why: str = ""

    def __str__(self) -> str:
        """In a few words."""
        value = "nothing" if self.measured is None else amount(self.what, self.measured)
        least, limit = self.what in AT_LEAST, amount(self.what, self.limit)
        if value == limit and self.broken:
            value = "a little less than that" if least else "a little more than that"
        text = f"{self.endpoint} {self.what}: {value}, at most {limit} wanted"
        if least:
            text = f"{self.endpoint} {self.what}: {value}, at least {limit} wanted"
        return f"{text} ({self.why})" if self.why else text


@dataclass(frozen=True)
class Verdict:
    """How it ended, and why."""

    name: Literal["passed", "failed", "inconclusive", "infrastructure"]
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def is_slower_alone(self) -> bool:
        """Whether it failed for regressions only: a busy machine may look like one, once."""
        slower = sum(comparison.is_regression for comparison in self.comparisons)
        return self.name == "failed" and len(self.reasons) == slower


@dataclass(frozen=True)
class Conditions:
    """What the verdict rests on, apart from the measurements.

    Args:
        expected: the commit that should be served; None if unknown.
        served: the commits that were seen, in order; None: no answer.
        stored: rows of the run that the database had at the end; None: nobody looked.
        alone: no other load test took over the environment meanwhile.
    """

    plan: LoadPlan
    limits: Limits
    by_endpoint: Mapping[str, Limits]
    expected: str | None
    served: tuple[str | None, ...]
    stored: int | None = None
    alone: bool = True


def judge(run: Measurements, conditions: Conditions, comparisons: tuple[Comparison, ...] = ()) -> Verdict:
    """Judge a run."""
    checks = tuple(_checks(run, conditions))
    broken = [str(check) for check in checks if check.broken]
    if conditions.stored is not None and conditions.stored < run.created:
        stored = f"and {conditions.stored} are in the database"
        broken.append(f"{run.created} writes were answered as done, {stored}")
    if run.aborted and run.aborted[0] == "threshold":
        broken.insert(0, f"stopped early: {run.aborted[1]}")
    doubts = [*_doubts(run, conditions), *(str(check) for check in checks if check.broken is None)]
    unknown = list(served_problems(conditions))
    slower = [f"regression of {comparison}" for comparison in comparisons if comparison.is_regression]
    if broken and not unknown:
        return Verdict("failed", (*broken, *doubts), checks, comparisons)
    if doubts:
        return Verdict("inconclusive", (*doubts, *broken), checks, comparisons)
    return Verdict("failed" if slower else "passed", tuple(slower), checks, comparisons)


def served_problems(conditions: Conditions) -> Iterator[str]:
    """Another commit than the expected one, or more than one, was under load."""
    commits = [commit for commit in conditions.served if commit]
    if not commits:
        yield "nobody can say which commit was served"
    elif conditions.expected and commits[0] != conditions.expected:
        yield f"`{commits[0][:12]}` is served, where `{conditions.expected[:12]}` should be"
    elif len(set(commits)) > 1:
        yield f"the app was redeployed in the middle: {' -> '.join(commit[:12] for commit in commits)}"


def _doubts(run: Measurements, conditions: Conditions) -> Iterator[str]:
    yield from served_problems(conditions)
    if run.aborted and run.aborted[0] == "lost":
        yield run.aborted[1]  # the others' reports are not waited for
        return
    if not run.total.count:
        yield "not one request was measured"
    if run.workers_reported < run.workers_expected:
        yield f"{run.workers_expected - run.workers_reported} of {run.workers_expected} workers were lost"
    elif not run.complete:
        yield "it was not played to its end" + (f": {run.aborted[1]}" if run.aborted else "")
    for fault, times in run.faults.items():
        yield f"a journey has a bug ({times} times): {fault}"
    if run.logins.get("limited"):
        yield f"{run.logins['limited']} log-ins were refused with 429: the limit of the auth service"
    if run.logins.get("failed"):
        yield f"{run.logins['failed']} log-ins failed"
    yield from _load_doubts(run, conditions)
    yield from _generator_doubts(run)


def _load_doubts(run: Measurements, conditions: Conditions) -> Iterator[str]:
    """The load was lower than planned, or not the only one."""
    if not conditions.alone:
        yield "another load test took over the environment: this run was silent for too long"
    plan = conditions.plan
    users = plan.peak * max(stage.load for stage in plan.stages)
    if plan.model == "closed" and run.peak_users < MIN_REACHED * users:
        yield f"only {run.peak_users} of {users:g} users were there"
    due = plan.peak * sum(stage.seconds * stage.load for stage in plan.stages)
    if plan.model == "open" and run.total.count < MIN_REACHED * due:
        yield f"only {run.total.count} of {due:.0f} requests were made: under {MIN_REACHED:.0%} of the rate"


def _generator_doubts(run: Measurements) -> Iterator[str]:
    if run.busiest is not None and run.busiest > MAX_CPU:
        yield f"the generator was at its limit ({run.busiest:.0%} of a core): use `--processes`"
    lag = percentile(run.lag, 0.95)
    if lag is not None and lag > MAX_LAG:
        yield f"the generator's own clock was {lag:.0f} ms late: this machine is too busy to measure"


def _checks(run: Measurements, conditions: Conditions) -> Iterator[Check]:
    plan = conditions.plan
    yield from _checks_of(TOTAL, run.total, conditions.limits, run, plan)
    for name, limits in conditions.by_endpoint.items():
        if plan.writes or name not in run.left_out:  # what was left out is in the report's notes
            yield from _checks_of(name, run.endpoints.get(name), limits, run, plan)


def _checks_of(
    name: str, series: Series | None, limits: Limits, run: Measurements, plan: LoadPlan
) -> Iterator[Check]:
    """The thresholds of one endpoint. One that was never requested neither fails nor passes."""
    if series is None or not series.count:
        yield Check(name, "requests", None, 1, None, "it was never seen")
        return
    for what, share in SHARES.items():
        limit, needed = getattr(limits, what), samples_needed(share)
        if limit:
            too_few, value = series.count < needed, series.percentile(share)
            why = f"too few samples: {series.count} of {needed}" if too_few else ""
            yield Check(name, what, value, limit, None if too_few or value is None else value > limit, why)
    if limits.worst_second and (worst := series.worst_second()) is not None:
        yield Check(name, "worst_second", worst, limits.worst_second, worst > limits.worst_second)
    ratio, rate = series.failure_ratio, series.count / plan.seconds
    if limits.failures:
        yield Check(name, "failures", ratio, limits.failures, ratio > limits.failures)
    if limits.rate:
        yield Check(name, "rate", rate, limits.rate, rate < limits.rate)
    if limits.dropped and name == TOTAL and plan.model == "open":
        dropped = run.dropped / max(1, run.planned)
        yield Check(name, "dropped", dropped, limits.dropped, dropped > limits.dropped)
