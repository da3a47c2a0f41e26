"""A run by its stages: what each one bore, and where it broke."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.load_settings import Limits, Stage
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.result import Measurements, parse_result
from scripts.quality.load.stages import stages_of, where_it_broke
from tests.unit.quality.load.runs import document, report

PLAN = LoadPlan("stress", "open", 40, 5, (Stage(10, 0.25), Stage(10, 0.5), Stage(10, 1)), writes=False)
LIMITS = Limits(p95=800, failures=0.01)


def run_of(*stages: tuple[int, int, int]) -> Measurements:
    """Ten seconds each: requests a second, their time in ms, how many of a second fail."""
    cells = [
        {"name": "home", "slot": 10 * place + n, "failed": failed, "buckets": {str(ms * 1000): count}}
        for place, (count, ms, failed) in enumerate(stages)
        for n in range(10)
        if count
    ]
    return parse_result(document(report(cells=cells)), "r")


def told(run: Measurements, **plan: Any) -> tuple[list[str], str]:
    """The verdict of each stage, and the sentence."""
    chosen = replace(PLAN, **plan)
    stages = stages_of(run, chosen, LIMITS)
    return [stage.verdict for stage in stages], where_it_broke(stages, chosen)


HELD_20 = "It held 20 requests/s; at 40 requests/s (stage 3 of 3) "


@pytest.mark.parametrize(
    ("stages", "verdicts", "said"),
    [
        (
            [(10, 100, 0), (20, 200, 0), (40, 300, 0)],
            ["ok", "ok", "ok"],
            "It held all 3 stages, up to 40 requests/s: its limit was not reached.",
        ),
        (
            [(10, 100, 0), (20, 200, 0), (40, 900, 0)],
            ["ok", "ok", "over"],
            f"{HELD_20}it broke: p95 was 900 ms, at most 800 ms wanted.",
        ),
        (
            [(10, 100, 0), (20, 200, 1), (40, 900, 9)],
            ["ok", "over", "over"],
            "(stage 2 of 3) it broke: 5 % of the requests failed, at most 1 % wanted.",
        ),
        (
            [(10, 900, 0), (20, 200, 0), (40, 300, 0)],
            ["over", "ok", "ok"],
            "It held no stage: at 10 requests/s (stage 1 of 3) it broke: p95 was 900 ms",
        ),
        (
            [(10, 100, 0), (20, 200, 0), (30, 300, 0)],
            ["ok", "ok", "too low"],
            f"{HELD_20}the load was lower than planned: 30 of 40 requests/s were made.",
        ),
        (
            [(10, 100, 0), (20, 200, 0), (0, 0, 0)],
            ["ok", "ok", "not played"],
            f"{HELD_20}the run was over.",
        ),
    ],
    ids=["held all", "too slow", "failures", "the first", "too little load", "stopped early"],
)
def test_it_says_where_it_broke(stages: Any, verdicts: list[str], said: str) -> None:
    """The first stage that was not held decides; what was held is said with it."""
    found, sentence = told(run_of(*stages))

    assert found == verdicts
    assert said in sentence


def test_a_stage_with_few_requests_says_nothing() -> None:
    """As a whole run with few; it is not called held."""
    plan = replace(PLAN, model="closed")
    stages = stages_of(run_of((10, 100, 0), (20, 200, 0), (3, 100, 0)), plan, LIMITS)

    assert [stage.verdict for stage in stages] == ["ok", "ok", "too few"]
    assert "at 40 users (stage 3 of 3) nothing can be said: 30 requests, at least 59 are needed" in (
        where_it_broke(stages, plan)
    )


def test_the_failures_of_a_stage_are_its_own() -> None:
    """And its seconds, its rate, its percentiles."""
    first, second, _ = stages_of(run_of((10, 100, 0), (20, 200, 1), (40, 300, 0)), PLAN, LIMITS)
    made = second.document("requests/s")

    assert (first.series.failed, second.series.failed) == (0, 10)
    assert (made["begin"], made["rate"], made["p95"], made["failures"]) == (10, 20, 200, 0.05)
    assert (made["wanted"], made["unit"]) == (20, "requests/s")


def test_seconds_belong_to_the_stage_with_their_middle() -> None:
    """A shortened profile has stages of broken seconds; none is lost, none counts twice."""
    plan = replace(PLAN, stages=tuple(Stage(10 / 3, 1) for _ in range(9)))
    run = run_of((10, 100, 0), (20, 100, 0), (40, 100, 0))

    assert sum(stage.series.count for stage in stages_of(run, plan, LIMITS)) == run.total.count


def test_a_run_that_was_stopped_early_has_the_rates_of_what_was_played() -> None:
    """Its last stage is not called too low, unless that part of it broke a limit."""
    cells = [
        {"name": "home", "slot": n, "failed": 0, "buckets": {"100000": 10 if n < 10 else 20}}
        for n in range(14)
    ]
    run = parse_result(document(report(cells=cells), complete=False), "r")
    first, second, third = stages_of(run, PLAN, LIMITS)

    assert (first.verdict, second.verdict, second.why) == (
        "ok",
        "not played",
        "4 of 10 seconds were played",
    )
    assert (second.document("requests/s")["rate"], third.verdict) == (20, "not played")
    assert where_it_broke((first, second, third), PLAN) == (
        "It held 10 requests/s; at 20 requests/s (stage 2 of 3) the run was over."
    )


def test_there_is_no_half_user() -> None:
    """As the generator rounds them."""
    plan = replace(PLAN, model="closed", peak=30)

    assert [stage.wanted for stage in stages_of(run_of((9, 1, 0)), plan, LIMITS)] == [8, 15, 30]


def test_one_stage_breaks_nowhere() -> None:
    """And a run without a request has nothing to say."""
    assert told(run_of((10, 900, 0)), stages=(Stage(10, 1),))[1] == ""
    assert told(run_of())[1] == ""
