"""The verdict on a run of browser tests: no report, no tests, too few, another commit: never a pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scripts.quality.cases import Case
from scripts.quality.verdict import MAX_NAMED, judge

A, B = "a" * 40, "b" * 40
GOOD = [Case("t::one", "passed", 0.1), Case("t::two", "passed", 0.2)]
BAD = Case("t::three", "failed", 1.0, "<b>no button</b>\nmore")
SKIPPED = Case("t::four", "skipped", 0.0, "not here")


def test_all_passed_is_a_pass() -> None:
    """The report shows enough tests, the runner ended well, and the commit is still served."""
    verdict = judge([*GOOD, SKIPPED], exit_code=0, wanted=2, served=(A, A))

    assert (verdict.passed, verdict.name, verdict.reasons) == (True, "passed", ())
    document = verdict.document()
    assert document["tests"] == {"passed": 2, "failed": 0, "skipped": 1}
    assert (document["failures"], document["slowest"][0]) == ([], {"test": "t::two", "seconds": 0.2})


@pytest.mark.parametrize(
    ("cases", "code", "wanted", "after", "expected"),
    [
        (None, 0, 1, A, ("infrastructure", "no report that can be read: the test runner ended with 0")),
        (None, None, 1, A, ("infrastructure", "no report that can be read: the test runner took too long")),
        ([], 0, 1, A, ("inconclusive", "no test was found")),
        ([], 5, 1, A, ("inconclusive", "no test was found")),
        ([SKIPPED], 0, 1, A, ("inconclusive", "no test ran (1 skipped)")),
        ([*GOOD, SKIPPED], 0, 3, A, ("inconclusive", "2 tests ran, at least 3 must (1 skipped)")),
        ([*GOOD, BAD], 0, 1, A, ("failed", "t::three: <b>no button</b>")),
        ([*GOOD, BAD], 1, 1, A, ("failed", "t::three: <b>no button</b>")),
        ([*GOOD, Case("t::e", "error", 0.0)], 0, 1, A, ("failed", "t::e: error")),
        (GOOD, 2, 1, A, ("inconclusive", "ended with 2, though its report shows no failure")),
        (GOOD, None, 1, A, ("inconclusive", "the test runner took too long")),
        (GOOD, 0, 1, B, ("inconclusive", "`bbbbbbbbbbbb` is served now, not `aaaaaaaaaaaa`")),
        (
            GOOD,
            0,
            1,
            None,
            ("inconclusive", "no longer says which commit it serves"),
        ),
    ],
)
def test_anything_else_is_no_pass(
    cases: Sequence[Case] | None,
    code: int | None,
    wanted: int,
    after: str | None,
    expected: tuple[str, str],
) -> None:
    """The report counts, not the exit code; a doubt is no pass."""
    verdict = judge(cases, exit_code=code, wanted=wanted, served=(A, after))

    assert (False, expected[0]) == (verdict.passed, verdict.name)
    assert expected[1] in "; ".join(verdict.reasons)


VOID = Case("t::five", "void", 0.1, "it checked nothing")


def test_a_test_that_counts_for_nothing_is_not_counted() -> None:
    """Too few others are no pass; enough are one, and it is named all the same."""
    lacking = judge([*GOOD, VOID], exit_code=0, wanted=3, served=(A, A))
    enough = judge([*GOOD, VOID], exit_code=0, wanted=2, served=(A, A))

    assert lacking.reasons == (
        "2 tests count, at least 3 must; for nothing count:",
        "t::five: it checked nothing",
    )
    assert (enough.name, enough.counts["passed"], enough.void) == (
        "passed",
        2,
        ("t::five: it checked nothing",),
    )


def test_a_suite_that_leaves_tests_out_is_no_pass() -> None:
    """However many others passed; the first three are named."""
    verdict = judge(GOOD, exit_code=0, wanted=1, served=(A, A), omitted=[f"t{n}.py" for n in range(5)])

    assert verdict.name == "inconclusive"
    assert (
        "not run (ignored, deselected, or an early end): `t0.py`, `t1.py`, `t2.py` and 2 more"
        in verdict.reasons[0]
    )


def test_many_failures_are_counted() -> None:
    """The first ones are named."""
    cases = [Case(f"t::{n}", "failed", 0.1) for n in range(MAX_NAMED + 3)]
    verdict = judge(cases, exit_code=1, wanted=1, served=(A, A))

    assert verdict.reasons[-2:] == (f"t::{MAX_NAMED - 1}: failed", "and 3 more")
    assert len(verdict.document()["failed"]) == MAX_NAMED + 3
