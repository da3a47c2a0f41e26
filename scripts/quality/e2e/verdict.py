# pure
"""What a run of journeys proves: the report is believed, not the runner's words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = 8  # failed tests that are named


@dataclass(frozen=True)
class Case:
    """One test: its name, `passed`, `failed`, `error` or `skipped`, seconds, and why."""

    name: str
    ending: str
    seconds: float
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """`passed`, `failed`, `inconclusive` (it proves nothing) or `infrastructure` (it could not run)."""

    name: str
    reasons: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def passed(self) -> bool:
        """The only ending that is a proof."""
        return self.name == "passed"

    @property
    def counts(self) -> dict[str, int]:
        """How many tests ended how."""
        return count(self.cases)

    def document(self) -> dict[str, Any]:
        """The verdict as JSON."""
        bad = [each.name for each in self.cases if each.ending in ("failed", "error")]
        return {"verdict": self.name, "reasons": list(self.reasons), "tests": self.counts, "failed": bad}


def judge(
    cases: Sequence[Case] | None,
    *,
    exit_code: int | None,
    wanted: int,
    served: tuple[str, str | None],
) -> Verdict:
    """From the report to the verdict.

    Args:
        cases: the report's tests; None when there is none that can be read.
        exit_code: the runner's; None when it was ended because it took too long.
        wanted: how many tests must have run, at least one.
        served: the commit that was to be tried, and the one that is served afterwards.
    """
    if cases is None:
        how = "took too long" if exit_code is None else f"ended with {exit_code}"
        return Verdict("infrastructure", (f"no report that can be read: the test runner {how}",), ())
    made = tuple(cases)
    failed = [each for each in made if each.ending in ("failed", "error")]
    if failed:
        more = (f"and {len(failed) - SHOWN} more",) if len(failed) > SHOWN else ()
        return Verdict("failed", (*map(_said, failed[:SHOWN]), *more), made)
    doubts = tuple(_doubts(made, exit_code, wanted, served))
    return Verdict("inconclusive" if doubts else "passed", doubts, made)


def _doubts(
    cases: tuple[Case, ...], exit_code: int | None, wanted: int, served: tuple[str, str | None]
) -> list[str]:
    counts, (expected, after) = count(cases), served
    doubts = []
    if not counts["passed"]:
        doubts.append(f"no test ran ({counts['skipped']} skipped)" if cases else "no test was found")
    elif counts["passed"] < wanted:
        doubts.append(f"{counts['passed']} tests ran, at least {wanted} must ({counts['skipped']} skipped)")
    if exit_code != 0 and not doubts:
        doubts.append(
            "the test runner took too long"
            if exit_code is None
            else f"the test runner ended with {exit_code}, though its report shows no failure"
        )
    if after != expected:
        now = f"`{after[:12]}`" if after else "nothing that can be told"
        doubts.append(f"another release came in between: {now} is served now, not `{expected[:12]}`")
    return doubts


def count(cases: Sequence[Case]) -> dict[str, int]:
    """How many passed, failed (errors too) and were skipped."""
    found = Counter(each.ending for each in cases)
    return {
        "passed": found["passed"],
        "failed": found["failed"] + found["error"],
        "skipped": found["skipped"],
    }


def _said(case: Case) -> str:
    first = case.message.strip().splitlines()[:1]
    return f"{case.name}: {first[0] if first else case.ending}"
