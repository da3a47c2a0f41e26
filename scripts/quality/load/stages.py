# pure
"""A run by the stages of its profile: what each one bore, and where it broke, in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from scripts.config.load_settings import Limits
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measurements, Series, samples_needed
from scripts.quality.load.verdict import MIN_REACHED, SHARES, amount

OK, OVER, LACKS, FEW, NEVER = "ok", "over", "too low", "too few", "not played"


@dataclass(frozen=True)
class StageResult:
    """What was measured in one stage.

    Args:
        number: 1 is the first.
        begin: seconds from the start of the measurement.
        seconds: its length, as planned.
        played: seconds of it that were played: fewer, where the run was stopped early.
        wanted: requests a second (open model) or users (closed model).
        verdict: `ok`; `over` a limit; `too low`: less load than planned was made; `too few` requests to
            tell; `not played`, or not to its end.
        why: what it is over, or what it lacks; "" where it is ok.
    """

    number: int
    begin: float
    seconds: float
    played: float
    wanted: float
    series: Series
    verdict: str
    why: str = ""

    def document(self, unit: str) -> dict[str, Any]:
        """As JSON; times in ms, rates per second."""
        series = self.series
        return {
            "stage": self.number, "begin": self.begin, "seconds": self.seconds, "wanted": self.wanted,
            "unit": unit, "requests": series.count,
            "rate": round(series.count / (self.played or self.seconds), 3),
            "failed": series.failed, "failures": round(series.failure_ratio, 6),
            **{what: series.percentile(share) for what, share in SHARES.items()},
            "verdict": self.verdict, "why": self.why,
        }  # fmt: skip


def unit_of(plan: LoadPlan) -> str:
    """What the load of a stage is counted in."""
    return "requests/s" if plan.model == "open" else "users"


def played_seconds(run: Measurements, plan: LoadPlan) -> float:
    """How long a run was measured: as planned, or up to its last request where it was stopped early."""
    return plan.seconds if run.complete else min(plan.seconds, max(run.total.slots, default=0) + 1)


def stages_of(run: Measurements, plan: LoadPlan, limits: Limits) -> tuple[StageResult, ...]:
    """Each stage with its verdict; a second of two stages counts for the one that has its middle."""
    begin, until, found = 0.0, played_seconds(run, plan), []
    for number, stage in enumerate(plan.stages, 1):
        end = begin + stage.seconds
        series = _part(run.total, begin, end)
        wanted = plan.peak * stage.load
        if plan.model == "closed":
            wanted = max(1, round(wanted))  # as `loadtests/shapes.py` has it
        played = min(stage.seconds, max(0.0, until - begin))
        made = StageResult(number, begin, stage.seconds, played, wanted, series, OK)
        verdict, why = _verdict(made, plan, limits)
        found.append(replace(made, verdict=verdict, why=why))
        begin = end
    return tuple(found)


def where_it_broke(stages: tuple[StageResult, ...], plan: LoadPlan) -> str:
    """One sentence on a run with several stages; "" for one stage, or none that was measured."""
    if len(stages) < 2 or not any(stage.series.count for stage in stages):
        return ""
    unit, count = unit_of(plan), len(stages)
    broken = next((stage for stage in stages if stage.verdict != OK), None)
    if broken is None:
        most = max(stage.wanted for stage in stages)
        return f"It held all {count} stages, up to {most:g} {unit}: its limit was not reached."
    held = max((stage.wanted for stage in stages[: broken.number - 1]), default=None)
    end = _end(broken, unit, count)
    return f"It held no stage: {end}" if held is None else f"It held {held:g} {unit}; {end}"


def _end(stage: StageResult, unit: str, count: int) -> str:
    """What was at the first stage that it did not hold. Whole sentences, so that they can be translated."""
    wanted, number, why = stage.wanted, stage.number, stage.why
    if stage.verdict == OVER:
        return f"at {wanted:g} {unit} (stage {number} of {count}) it broke: {why}."
    if stage.verdict == LACKS:
        return f"at {wanted:g} {unit} (stage {number} of {count}) the load was lower than planned: {why}."
    if stage.verdict == FEW:
        return f"at {wanted:g} {unit} (stage {number} of {count}) nothing can be said: {why}."
    return f"at {wanted:g} {unit} (stage {number} of {count}) the run was over."


def _part(series: Series, begin: float, end: float) -> Series:
    inside = [slot for slot in series.slots if begin <= slot + 0.5 < end]
    failed = Counter({slot: series.failed_in[slot] for slot in inside if slot in series.failed_in})
    return Series({slot: series.slots[slot] for slot in inside}, failed)


def _verdict(stage: StageResult, plan: LoadPlan, limits: Limits) -> tuple[str, str]:
    series, wanted = stage.series, stage.wanted
    if not series.count:
        return NEVER, "no request was measured"
    over = next(_broken(series, limits), None)
    if over:
        return OVER, over
    if stage.played < MIN_REACHED * stage.seconds:
        return NEVER, f"{stage.played:g} of {stage.seconds:g} seconds were played"
    if plan.model == "open" and series.count < MIN_REACHED * wanted * stage.played:
        return LACKS, f"{series.count / stage.played:.3g} of {wanted:g} requests/s were made"
    needed = [samples_needed(share) for what, share in SHARES.items() if getattr(limits, what)]
    if series.count < (fewest := min(needed, default=1)):
        return FEW, f"{series.count} requests, at least {fewest} are needed"
    return OK, ""


def _broken(series: Series, limits: Limits) -> Iterator[str]:
    """The limits of the whole run that this part of it is over, where it has enough requests to tell."""
    for what, share in SHARES.items():
        limit, value = getattr(limits, what), series.percentile(share)
        if limit and value is not None and series.count >= samples_needed(share) and value > limit:
            yield f"{what} was {amount(what, value)}, at most {amount(what, limit)} wanted"
    if limits.failures and series.failure_ratio > limits.failures:
        failed, most = (amount("failures", ratio) for ratio in (series.failure_ratio, limits.failures))
        yield f"{failed} of the requests failed, at most {most} wanted"
    worst = series.worst_second()
    if limits.worst_second and worst is not None and worst > limits.worst_second:
        measured, most = (amount("worst_second", ms) for ms in (worst, limits.worst_second))
        yield f"the median of a second was {measured}, at most {most} wanted"
