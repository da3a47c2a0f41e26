"""The results of load tests and of browser tests on the screen."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.console import Console
from scripts.proof_tables import NAMED, browser_tests, load_test
from scripts.quality import cases
from scripts.quality.cases import Case
from scripts.quality.load.report import document
from scripts.quality.request import E2eRequest, LoadRequest
from scripts.quality.standing import Standing
from tests.support.desks import ROOT
from tests.support.load_reports import EVIL, STEADY, STRESS, report


def shown(request: Request, outcome: Outcome) -> tuple[str, str]:
    """What people read at the end: results, and the rest."""
    out, err = io.StringIO(), io.StringIO()
    Console(stream=err, out=out).finish(request, outcome)
    return out.getvalue(), err.getvalue()


def cells(lines: list[str], name: str) -> list[str]:
    """The row that begins so."""
    return next(line.split() for line in lines if line.startswith(name))


def test_each_endpoint_is_a_row() -> None:
    """With the limit that is broken most, and the total at the end."""
    lines = list(load_test(document(report(STRESS)), 80))

    assert cells(lines, "endpoint") == "endpoint requests req/s failed p50 p95 p99 limit verdict".split()
    assert cells(lines, "home")[:3] == ["home", "9000", "30"]
    documented = (ROOT / "docs" / "quality.md").read_text().splitlines()
    assert cells(lines, "endpoint") in [line.split() for line in documented]
    assert cells(lines, "total")[-4:] == ["failed", "0.1", "%", "over"]
    assert max(map(len, lines[:8])) <= 80


def test_stages_are_rows_and_a_sentence_says_where_it_broke() -> None:
    """Of one stage nothing is said."""
    lines = list(load_test(document(report(STRESS)), 80))

    assert [line.split()[-1] for line in lines if line[:2] in ("1:", "2:", "3:", "4:", "5:")] == [
        "ok", "ok", "ok", "over", "over"
    ]  # fmt: skip
    assert any(line.startswith("It held 60 requests/s; at 80 requests/s (stage 4 of 5)") for line in lines)
    assert not any("stage" in line for line in load_test(document(report(STEADY)), 80))


def test_a_slower_endpoint_is_named() -> None:
    """With the change of its p95, where there is room for it."""
    data = document(report(STEADY, slow=1.4))

    assert cells(list(load_test(data, 80)), "home")[-2:] == ["+40%", "slower"]
    narrow = cells(list(load_test(data, 70)), "home")
    assert (narrow[-1], "+40%" in narrow) == ("slower", False)


@pytest.mark.parametrize(
    ("failures", "said"),
    [(1.0, "100 %"), (0.777, "77.7 %"), (0.0132, "1.3 %"), (0.00001, "0.001 %"), (0, "0")],
)
def test_failures_are_per_cent(failures: float, said: str) -> None:
    """All of them, or one of many; never `1e+02 %`."""
    data = document(report(STEADY))
    data["total"] |= {"failed": failures and 7, "failures": failures}

    assert f" {said}  " in next(line for line in load_test(data, 80) if line.startswith("total"))


def test_a_long_or_hostile_name_breaks_no_table() -> None:
    """It is cut; every row keeps to the width, on one line."""
    names = {EVIL: 0.5, "\x1b[2Ja\nb " + "x" * 200: 0.5}
    lines = list(load_test(document(report(STEADY, names)), 80))

    assert max(map(len, lines)) <= 80
    assert not any("\x1b" in line for line in lines[:5])
    assert [line.split()[-1] for line in lines[2:5]] == ["-", "-", "ok"]


@pytest.mark.parametrize("code", [0, 1, 8])
def test_the_result_of_a_load_test_is_on_stdout(code: int) -> None:
    """However it ended, and whether it counts; reasons and errors are on stderr."""
    made = replace(report(STEADY), standing=Standing(False, "no proof: this is not `steady`"))
    ending: Any = {0: "done", 1: "failed", 8: "unknown"}[code]
    outcome = Outcome(ending, "how it ended\n  | total p95", "the report", code, document(made))
    out, err = shown(LoadRequest(), outcome)

    assert "no proof: this is not `steady`" in out
    assert "total" in out
    assert ("error: how it ended\n  | total p95" in err) == bool(code)


def test_an_error_before_the_load_shows_no_table() -> None:
    """Nothing was measured."""
    out, err = shown(LoadRequest(), Outcome.failed("locust is not installed", "install it"))

    assert (out, "error: locust is not installed" in err) == ("", True)


CASES = [
    *(Case(f"test_a::ok_{n}", "passed", n) for n in range(4)),
    Case("test_b.TestIt::bad", "failed", 2.0, "no button\nmore"),
    Case("test_b.TestIt::\nevil\x1b[2J", "error", 0.1, "::error::x"),
]


def e2e(found: list[Case], verdict: str = "failed", **more: Any) -> dict[str, Any]:
    """The data of a run of these tests."""
    return {
        "verdict": verdict,
        "proof": {"said": "no proof: the run failed"},
        **cases.document(found),
        **more,
    }


def test_each_file_of_tests_is_a_row_and_failures_have_their_reason() -> None:
    """Then the slowest, and whether the run counts."""
    lines = list(browser_tests(e2e(CASES), 80))

    assert cells(lines, "test_a") == ["test_a", "4", "4", "6.0", "s"]
    assert cells(lines, "test_b.TestIt") == ["test_b.TestIt", "2", "0", "2", "2.1", "s"]
    place = lines.index("  test_b.TestIt::bad after 2.0 s")
    assert lines[place + 1] == "    no button"
    assert cells(lines, "test_a::ok_3") == ["test_a::ok_3", "3.0", "s"]
    assert lines[-1] == "no proof: the run failed"
    assert max(map(len, lines)) <= 80


def test_a_failed_run_names_its_reasons_once() -> None:
    """In the table; the error is one line, and keeps them where there is no table."""
    told = "failed: `abc` on staging\n  | test_b.TestIt::bad: no button"
    out, err = shown(E2eRequest(), Outcome.failed(told, **e2e(CASES, left=["test data is left"])))

    assert out.count("no button") == 1
    assert err == "error: failed: `abc` on staging\n"
    assert "test data is left" in out
    assert "\x1b" not in out
    assert "\n::error" not in out

    unclear = Outcome.failed("inconclusive\n  | too few", **e2e(CASES[:1], "inconclusive"))
    assert "| too few" in shown(E2eRequest(), unclear)[1]


def test_many_failures_are_counted() -> None:
    """The first ones are named."""
    lines = list(browser_tests(e2e([Case(f"t::{n}", "failed", 0) for n in range(NAMED + 2)]), 80))

    assert "  and 2 more" in lines
    assert sum(line.startswith("  t::") for line in lines) == NAMED
