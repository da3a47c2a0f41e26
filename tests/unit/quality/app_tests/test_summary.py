"""How many tests ran, by the words of the usual runners."""

from __future__ import annotations

from collections import Counter

import pytest

from scripts.quality.app_tests.summary import counts, judge_output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..16\n# tests 16\n# suites 0\n# pass 13\n# fail 3\n# skipped 1\n", (13, 3, 1)),
        ("\u2139 tests 2\n\u2139 pass 2\n\u2139 fail 0\n", (2, 0, 0)),
        (" Test Files  1 passed (1)\n      Tests  2 failed | 12 passed | 1 skipped (15)\n", (12, 2, 1)),
        ("\x1b[1mTests:\x1b[22m       1 failed, 12 passed, 13 total\nSnapshots:   0 total", (12, 1, 0)),
        ("Test Suites: 1 passed, 1 total\nTests:       0 total\n", (0, 0, 0)),
        ("  12 passing (3s)\n  1 pending\n  2 failing\n", (12, 2, 1)),
        ("=== 3 passed, 1 skipped in 0.10s ===\n", (3, 0, 1)),
        ("  4 passed (5.2s)\n", (4, 0, 0)),
        ("ok | 12 passed | 0 failed (5ms)\n", (12, 0, 0)),
        (" 7 pass\n 0 fail\n", (7, 0, 0)),
        ("# pass 1\nother package\n# pass 2\n", (3, 0, 0)),
        ("of 12 passed laws\n3 passports\n", (0, 0, 0)),
    ],
)
def test_the_summary_of_a_runner_is_read(text: str, expected: tuple[int, int, int]) -> None:
    """Of node, Vitest, Jest, Mocha, pytest, Playwright, Deno, Bun; several runs are added up."""
    found = counts(text)

    assert (found["passed"], found["failed"], found["skipped"]) == expected


@pytest.mark.parametrize(
    ("told", "code", "name", "reason"),
    [
        ({"passed": 3}, 0, "passed", ""),
        ({"passed": 3, "failed": 1}, 1, "failed", "the command ended with 1: 1 tests failed"),
        ({"passed": 3, "failed": 1}, 0, "failed", "the command ended with 0: 1 tests failed"),
        ({}, 1, "failed", "the command ended with 1"),
        ({"passed": 0, "skipped": 4}, 0, "inconclusive", "no test ran (4 skipped)"),
        ({}, 0, "inconclusive", "how many tests ran is not known: let the command write a JUnit report,"),
        ({"passed": 3}, None, "infrastructure", "the command took too long"),
        ({}, 127, "infrastructure", "the command can't be run (127)"),
    ],
)
def test_no_tests_are_no_pass(told: dict[str, int], code: int | None, name: str, reason: str) -> None:
    """Nor is a number that nobody knows."""
    verdict = judge_output(Counter(told), code, "unit")

    assert (verdict.name, " ".join(verdict.reasons)[: len(reason)]) == (name, reason)
