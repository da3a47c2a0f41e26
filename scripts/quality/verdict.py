# pure
"""The verdict on a run of tests, from its JUnit report or what its runner printed; the HTML report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.quality import cases as listing
from scripts.quality.cases import Case

MAX_NAMED = 8  # failed tests that are named


@dataclass(frozen=True)
class Verdict:
    """`passed`, `failed`, `inconclusive` (it proves nothing) or `infrastructure` (it could not run)."""

    name: str
    reasons: tuple[str, ...]
    cases: tuple[Case, ...]
    told: Mapping[str, int] = field(default_factory=dict)  # counts, where there is no report of each case

    @property
    def passed(self) -> bool:
        """The only verdict that is a proof."""
        return self.name == "passed"

    @property
    def counts(self) -> dict[str, int]:
        """How many passed, failed (errors included), were skipped, and count for nothing, if any do."""
        return dict(self.told) or _counts(self.cases)

    @property
    def void(self) -> tuple[str, ...]:
        """The first tests that passed and count for nothing, with the reason."""
        return _named([case for case in self.cases if case.ending == "void"])

    def document(self) -> dict[str, Any]:
        """The verdict as JSON."""
        bad = [case.name for case in self.cases if case.ending in ("failed", "error")]
        shown = listing.document(self.cases)
        return {
            "verdict": self.name,
            "reasons": list(self.reasons),
            "tests": self.counts,
            "failed": bad,
            **shown,
        }


def judge(
    cases: Sequence[Case] | None,
    *,
    exit_code: int | None,
    wanted: int,
    served: tuple[str, str | None],
    omitted: Sequence[str] = (),
    doubts: Sequence[str] = (),
) -> Verdict:
    """From the report to the verdict.

    Args:
        cases: the report's tests; None if it can't be read.
        exit_code: the test runner's; None after a timeout.
        wanted: how many tests must have run, at least one.
        served: the commit to test, and the commit that is served afterwards.
        omitted: tests of the suite, and files of tests, that were not run.
        doubts: more reasons why a pass proves nothing.
    """
    if cases is None:
        how = "took too long" if exit_code is None else f"ended with {exit_code}"
        return Verdict("infrastructure", (f"no report that can be read: the test runner {how}",), ())
    failed = [case for case in cases if case.ending in ("failed", "error")]
    if failed:
        return Verdict("failed", _named(failed), tuple(cases))
    why = (*_doubts(cases, exit_code, wanted, served), *_omissions(omitted), *doubts)
    return Verdict("inconclusive" if why else "passed", why, tuple(cases))


def _doubts(
    cases: Sequence[Case], exit_code: int | None, wanted: int, served: tuple[str, str | None]
) -> list[str]:
    counts, (expected, after) = _counts(cases), served
    doubts = []
    void = [case for case in cases if case.ending == "void"]
    if void and counts["passed"] < wanted:
        doubts.append(f"{counts['passed']} tests count, at least {wanted} must; for nothing count:")
        doubts += _named(void)
    elif not counts["passed"]:
        doubts.append(f"no test ran ({counts['skipped']} skipped)" if cases else "no test was found")
    elif counts["passed"] < wanted:
        doubts.append(f"{counts['passed']} tests ran, at least {wanted} must ({counts['skipped']} skipped)")
    if exit_code is None and not doubts:
        doubts.append("the test runner took too long")
    elif exit_code and not doubts:
        doubts.append(f"the test runner ended with {exit_code}, though its report shows no failure")
    if after is None:
        doubts.append(f"the URL no longer says which commit it serves; it was `{expected[:12]}`")
    elif after != expected:
        now = f"`{after[:12]}` is served now, not `{expected[:12]}`"
        doubts.append(f"another release came in between: {now}")
    return doubts


def _omissions(omitted: Sequence[str]) -> tuple[str, ...]:
    """A suite that leaves tests out, by `collect_ignore` or a deselection, is not that suite."""
    more = f" and {len(omitted) - 3} more" if len(omitted) > 3 else ""
    names = ", ".join(f"`{name}`" for name in omitted[:3])
    return (
        (f"in the folder, and not run (ignored, deselected, or an early end): {names}{more}",)
        if omitted
        else ()
    )


def _counts(cases: Sequence[Case]) -> dict[str, int]:
    endings = Counter(case.ending for case in cases)
    return {
        "passed": endings["passed"],
        "failed": endings["failed"] + endings["error"],
        "skipped": endings["skipped"],
        **({"void": endings["void"]} if endings["void"] else {}),
    }


def _named(cases: Sequence[Case]) -> tuple[str, ...]:
    more = (f"and {len(cases) - MAX_NAMED} more",) if len(cases) > MAX_NAMED else ()
    return (*(f"{case.name}: {listing.reason_of(case)}" for case in cases[:MAX_NAMED]), *more)
