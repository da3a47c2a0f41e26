"""The results of load tests and of browser tests as tables, in the width of the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.table import Column, Table

NAMED = 20  # failed tests that are listed


def load_test(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per endpoint; the stages, where there are several; whether it counts."""
    endpoints = dict(data.get("endpoints", {}))
    if data.get("total"):
        endpoints["total"] = data["total"]
    rows = [
        (name, str(row["requests"]), _figure(row["rate"]), _failed(row), *_times(row), _limit(row["limit"]),
         _change(row["change"]), row["verdict"] or "-")
        for name, row in endpoints.items()
    ]  # fmt: skip
    columns = (
        Column("endpoint", shrinks=True), *numbers("requests", "req/s", "failed", "p50", "p95", "p99"),
        Column("limit"), Column("change", 1, right=True), Column("verdict"),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)
    yield from _stages(data.get("stages", ()), width)
    yield from _said(data.get("broke"))
    if rows:
        yield ""
    yield from _said(data.get("proof", {}).get("said"))


def _stages(stages: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    if len(stages) < 2:
        return
    rows = [
        (f"{row['stage']}: {row['wanted']:g} {row['unit']}", str(row["requests"]), _figure(row["rate"]),
         _failed(row), *_times(row), row["verdict"])
        for row in stages
    ]  # fmt: skip
    figures = numbers("requests", "req/s", "failed", "p50", "p95", "p99")
    yield ""
    yield from Table([Column("stage"), *figures, Column("verdict")], rows).lines(width)


def browser_tests(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per file of tests; what failed; what took longest; whether it counts."""
    rows = [
        (each["suite"], str(each["tests"]), str(each["passed"]), _some(each["failed"]),
         _some(each["skipped"]), _some(each["void"]), f"{each['seconds']:.1f} s")
        for each in data.get("suites", ())
    ]  # fmt: skip
    columns = (
        Column("suite", shrinks=True), *numbers("tests", "passed", "failed"),
        Column("skipped", 2, right=True), Column("counts for nothing", 1, right=True),
        Column("time", right=True),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)
    failures = data.get("failures", ())
    if failures:
        yield "\nfailed:"
        for each in failures[:NAMED]:
            name, reason = (" ".join(each[key].split()) for key in ("test", "reason"))
            yield f"  {name} after {each['seconds']:.1f} s"
            yield f"    {reason}"
        if len(failures) > NAMED:
            yield f"  and {len(failures) - NAMED} more"
    slowest = [(each["test"], f"{each['seconds']:.1f} s") for each in data.get("slowest", ())]
    if slowest:
        yield ""
        yield from Table([Column("slowest", shrinks=True), Column("time", right=True)], slowest).lines(
            width
        )
        yield ""
    if failures:  # the message names what is left where none failed
        yield from data.get("left", ())
    if data.get("verdict") != "passed":  # else the message says it
        yield from _said(data.get("proof", {}).get("said"))


def told(data: Mapping[str, Any]) -> bool:
    """Whether the table tells each reason, so that the message need not."""
    return bool(data.get("failures"))


def numbers(*heads: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(head, right=True) for head in heads]


def _said(text: str | None) -> Iterator[str]:
    if text:
        yield text


def _times(row: Mapping[str, Any]) -> Iterator[str]:
    """p50, p95 and p99 in ms."""
    return (_figure(row[name]) for name in ("p50", "p95", "p99"))


def _figure(value: float | None) -> str:
    """Three digits, or all of those before the point."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _failed(row: Mapping[str, Any]) -> str:
    return f"{100 * row['failures']:.{2 if row['failures'] < 0.1 else 3}g} %" if row["failed"] else "0"


def _limit(limit: Mapping[str, Any] | None) -> str:
    """`p95 800`; ratios in per cent."""
    if limit is None:
        return "-"
    what, value = str(limit["what"]), float(limit["limit"])
    if what in ("failures", "dropped"):
        return f"{'failed' if what == 'failures' else what} {100 * value:g} %"
    return f"{'worst s' if what == 'worst_second' else what} {value:g}"


def _change(change: float | None) -> str:
    return "" if change is None else f"{change:+.0%}"


def _some(number: int) -> str:
    return str(number) if number else ""
