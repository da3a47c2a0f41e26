# pure
"""A run of tests for people: how many of each file, what failed and why, what took longest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SLOWEST = 3  # tests that are named
LONGEST = 200  # characters of a reason
BAD = ("failed", "error")


@dataclass(frozen=True)
class Case:
    """One test: `passed`, `failed`, `error`, `skipped`, or `void`, which passed and counts for nothing."""

    name: str
    ending: str
    seconds: float
    message: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


def document(cases: Sequence[Case]) -> dict[str, Any]:
    """As JSON: `suites`, `failures` and `slowest`; times in seconds."""
    names = dict.fromkeys(map(_suite, cases))
    slow = sorted(cases, key=lambda case: -case.seconds)[:SLOWEST]
    return {
        "suites": [_counts(name, [case for case in cases if _suite(case) == name]) for name in names],
        "failures": [
            {"test": case.name, "ending": case.ending, "seconds": case.seconds, "reason": reason_of(case)}
            for case in cases
            if case.ending in BAD
        ],
        "slowest": [{"test": case.name, "seconds": case.seconds} for case in slow],
    }


def reason_of(case: Case) -> str:
    """The first line of what the test said, or its ending."""
    first = case.message.strip().splitlines()[:1]
    return first[0][:LONGEST] if first else case.ending


def _suite(case: Case) -> str:
    """The file or class of a test."""
    return case.name.rpartition("::")[0] or "-"


def _counts(name: str, cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "suite": name,
        "tests": len(cases),
        "passed": _number(cases, ["passed"]),
        "failed": _number(cases, BAD),
        "skipped": _number(cases, ["skipped"]),
        "void": _number(cases, ["void"]),
        "seconds": round(sum(case.seconds for case in cases), 3),
    }


def _number(cases: Iterable[Case], endings: Iterable[str]) -> int:
    return sum(case.ending in endings for case in cases)
