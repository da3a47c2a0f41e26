"""The HTML report of a load test: what a reader finds, whatever an app or a commit has written."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import pytest

from scripts.quality.load.charts import about, scale, span
from scripts.quality.load.charts import charts as drawn
from scripts.quality.load.page import meaning, page
from scripts.quality.load.report import Report
from scripts.quality.load.verdict import Check, Verdict
from scripts.quality.standing import Standing
from tests.support.html_reader import Reader
from tests.support.load_reports import EVIL, LIMITS, STEADY, STRESS, report

MARKS = [(112.0, "v5 release by Ann"), (118.0, "403f229a1b2c is served"), (250.0, "v4 rollback by Quinn")]


@pytest.fixture(scope="module")
def stress() -> Report:
    """It broke in its fourth stage, and two releases happened meanwhile."""
    return report(STRESS, markers=MARKS, standing=Standing(False, "no proof: the run failed"))


def heights(text: str, kind: str) -> list[list[float]]:
    """The heights of each line of that class, from the bottom, in per cent of the drawing."""
    paths = re.findall(rf'<path class="{kind}" d="([^"]*)"', text)
    return [[100 - float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)] for path in paths]


def headed(read: Reader, column: str) -> list[dict[str, str]]:
    """The rows of the first table whose head has that column, by the heads of their cells."""
    place = next(n for n, row in enumerate(read.rows) if column in row)
    rows = itertools.takewhile(lambda row: len(row) == len(read.rows[place]), read.rows[place + 1 :])
    return [dict(zip(read.rows[place], row, strict=True)) for row in rows]


@pytest.mark.usefixtures("in_paris")
def test_the_first_box_has_all_that_matters(stress: Report) -> None:
    """Verdict, what it means, why, whether it counts, when by the reader's clock."""
    text = Reader(page(stress)).text
    box = text[: text.index("Over time")]

    for said in (
        "Load test of staging: stress",
        "failed",
        "It held 60 requests/s; at 80 requests/s (stage 4 of 5) it broke: p95 was",
        "total p95: ",
        "no proof: the run failed",
        "2026-11-30 11:50 CET, Quinn",
    ):
        assert said in box


def test_it_draws_rate_latency_failures_and_load(stress: Report) -> None:
    """Each with the same stages, releases and seconds; latency with its percentiles and limits."""
    text = page(stress)
    read = Reader(text)
    about_them = [attrs["aria-label"] or "" for tag, attrs in read.tags if tag == "svg"]

    assert [label.partition(" over time")[0] for label in about_them] == [
        "Requests per second", "Latency", "Failed requests", "Requests under way"
    ]  # fmt: skip
    assert "p95 limit 800 ms" in about_them[1]
    assert [len(heights(text, kind)[0]) for kind in ("line", "p50", "p99")] == [60, 60, 60]
    assert len(read.of_class("mark")) == 4 * len(MARKS) + 2  # `403f229a1b2c` would cover `v5`
    assert len(read.of_class("hurt")) == 4 * 2
    assert [stage for stage in ("20/s", "40/s", "60/s", "80/s", "100/s") if stage not in read.text] == []


def test_lines_are_as_high_as_what_was_measured(stress: Report) -> None:
    """Against the scale of the drawing: the planned load by its stages, p50 below p95 below p99."""
    text = drawn(stress)
    (planned,) = heights(text, "edge")
    (p50,), (p95, _), (p99,) = (heights(text, kind) for kind in ("p50", "p95", "p99"))

    assert planned == [20, 20, 40, 40, 60, 60, 80, 80, 100, 100]
    assert all(low < middle < high for low, middle, high in zip(p50, p95, p99, strict=True))
    limits = re.findall(r'<path class="edge limit" d="M0 ([\d.]+)H', text)
    assert float(limits[0]) > float(limits[1])  # p95's is lower than p99's


def test_tables_have_the_figures(stress: Report) -> None:
    """Stages, endpoints, limits, the baseline, failures."""
    read = Reader(page(stress))
    fourth = headed(read, "stage")[3]
    assert (fourth["load"], fourth["requests"], fourth["verdict"]) == ("80 requests/s", "4800", "over")
    total = headed(read, "endpoint")[-1]
    assert (total["endpoint"], total["verdict"], total["requests"]) == ("total", "over", "18000")
    assert (total["rate"], total["limit"], total["change"]) == ("60/s", "failures 0.1 %", "-")
    assert float(total["p50"]) < float(total["p95"]) < float(total["p99"])
    limits = {row["limit"]: row for row in headed(read, "allowed")}
    assert (limits["total p95"]["allowed"], limits["total p95"]["verdict"]) == ("800 ms", "broken")
    assert (limits["total dropped"]["measured"], limits["total dropped"]["verdict"]) == ("0 %", "ok")
    (home,) = [
        row for row in headed(read, "typical") if (row["endpoint"], row["typical"]) == ("home", "p95")
    ]
    assert (home["change"], home["verdict"], home["before"]) == ("+0%", "ok", home["now"])
    assert headed(read, "times") == [{"endpoint": "home", "times": "3", "what": "answered 500"}]
    for heading in ("Stages", "Endpoints", "Limits", "Comparison with the baseline", "Failures"):
        assert heading in read.text
    assert "v4 rollback by Quinn" in read.text


def test_a_slower_run_says_how_much() -> None:
    """In the first box, in the comparison, and at each endpoint; more reasons than five are counted."""
    slower = report(STEADY, slow=1.4)
    read = Reader(page(slower))

    assert "Every limit holds, but the app has become slower than it was." in read.text
    assert "and 5 more, in the tables below" in read.text
    assert "5 of 5 endpoints are slower than noise explains; the largest change is +40%" in read.text
    endpoints = {row["endpoint"]: row for row in headed(read, "endpoint")}
    assert (endpoints["book"]["verdict"], endpoints["book"]["change"]) == ("slower", "+40%")
    assert {row["verdict"] for row in headed(read, "typical")} == {"slower"}


def test_users_are_drawn_where_there_are_users() -> None:
    """And a run in which nothing failed says so instead of an empty drawing."""
    read = Reader(page(report(STEADY)))

    assert "Users over time: users from 20 to 20" in str(read.tags)
    assert "Failed requests over time" not in str(read.tags)
    assert "Not one request failed." in read.text
    assert "The app carries 20 users for 5 min: 95 of 100 answers came within" in read.text
    assert "none failed" in read.text


def test_nothing_that_others_wrote_is_markup() -> None:
    """Endpoints, errors, facts, markers and leftovers of anybody; nothing is loaded or run."""
    hostile = report(
        STRESS,
        {EVIL: 0.5, "home": 0.5},
        markers=[(5.0, EVIL), (100.0, "v5 " + EVIL)],
        facts=[("at", EVIL), (EVIL, EVIL)],
        where=EVIL,
        leftovers=[EVIL],
        notes=[EVIL],
        compared=EVIL,
        standing=Standing(False, EVIL),
    )
    made = page(replace(hostile, verdict=replace(hostile.verdict, reasons=(EVIL,))))
    read = Reader(made)

    assert (read.loads, read.handlers) == ([], [])
    assert "<script" not in made
    assert read.text.count("<script>alert(1)</script>") > 12
    assert [attrs["href"] for tag, attrs in read.tags if "href" in attrs] == ["data:,"]


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict("inconclusive", ("a worker was lost",)), "says nothing about the app"),
        (
            Verdict("failed", ("x",), (Check("total", "p95", 900, 800, True),)),
            "does not hold its limits under 20",
        ),
        (Verdict("passed", ()), "The app carries 20 users for 5 min"),
    ],
    ids=["inconclusive", "failed", "passed"],
)
def test_one_sentence_says_what_it_means(verdict: Verdict, said: str) -> None:
    """For somebody who reads nothing else."""
    assert said in meaning(replace(report(STEADY), verdict=verdict))


def test_a_run_without_measurements_has_a_page() -> None:
    """Another commit was served: no drawing, no table of figures."""
    nothing = replace(report(STEADY), run=None, verdict=Verdict("inconclusive", ("another commit",)))
    read = Reader(page(nothing))

    assert "another commit" in read.text
    assert [tag for tag, _ in read.tags if tag == "svg"] == []
    assert "Endpoints" not in read.text


def test_limits_far_above_are_named_not_drawn() -> None:
    """They would press all lines to the ground."""
    far = replace(report(STEADY), limits=LIMITS._replace(p95=9000, p99=9500))

    assert (
        "lies far above what was measured: p95 limit 9000 ms, p99 limit 9500 ms" in Reader(page(far)).text
    )
    assert "edge limit" not in drawn(far)


def test_a_rate_that_is_demanded_is_a_line() -> None:
    """As every limit."""
    demanded = replace(report(STEADY), limits=LIMITS._replace(rate=15))

    assert "at least 15/s" in drawn(demanded)
    assert drawn(demanded).count("edge limit") == drawn(report(STEADY)).count("edge limit") + 1


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, (1, 1)), (100, (25, 100)), (101, (50, 150)), (0.42, (0.2, 0.6)), (7, (2, 8)), (1999, (500, 2000))],
)
def test_scales_are_round(most: float, expected: tuple[float, float]) -> None:
    """And end at or above what was measured."""
    assert scale(most) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("seconds", "said"), [(45, "45 s"), (119.6, "120 s"), (150, "2.5 min"), (1800, "30 min")]
)
def test_lengths_are_for_people(seconds: float, said: str) -> None:
    """Seconds up to two minutes."""
    assert span(seconds) == said


def test_a_run_that_was_stopped_early_ends_where_it_ended() -> None:
    """Its rate does not fall to nothing: nothing was measured any more."""
    run: Any = report(STEADY).run
    slots = {slot: buckets for slot, buckets in run.total.slots.items() if slot < 150}
    early = replace(report(STEADY), run=replace(run, total=replace(run.total, slots=slots), complete=False))
    (made,) = heights(drawn(early), "line")[:1]

    assert (len(made), min(made) > 50) == (30, True)


def test_gaps_are_gaps() -> None:
    """A line does not pass through seconds in which nothing was measured."""
    run: Any = report(STEADY).run
    without = {slot: buckets for slot, buckets in run.total.slots.items() if not 100 <= slot < 150}
    gap = replace(report(STEADY), run=replace(run, total=replace(run.total, slots=without)))
    (path,) = re.findall(r'<path class="p50" d="([^"]*)"', drawn(gap))

    assert path.count("M") == 2
    assert about.__doc__
