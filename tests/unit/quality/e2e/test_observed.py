"""Passed tests that count for nothing, by what the observer saw of them."""

from __future__ import annotations

import pytest

from scripts.quality.cases import Case
from scripts.quality.e2e import observed, observer
from scripts.quality.e2e.observed import omitted, weigh

GOOD = {"asked": "2", "checked": "1", "failures": "0"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (GOOD, ""),
        ({}, "the desk could not observe it"),
        ({**GOOD, "xpass": "1"}, "it is marked `xfail`, and passed"),
        ({**GOOD, "failures": "1"}, "it passed on a retry only"),
        ({**GOOD, "asked": "0", "checked": "0"}, "it asked the environment nothing"),
        ({**GOOD, "checked": "0"}, "it checked nothing after it had asked"),
    ],
)
def test_a_pass_that_says_nothing_is_void(seen: dict[str, str], said: str) -> None:
    """With the reason; a failure stays one, whatever was seen."""
    notes = {f"desk-{name}": value for name, value in seen.items()}
    (passed, failed) = weigh([Case("t", ending, 0, "", notes) for ending in ("passed", "failed")]) or []

    assert (passed.ending, failed.ending) == ("void" if said else "passed", "failed")
    assert passed.message.startswith(said)


def test_a_missing_report_stays_missing() -> None:
    """It is no list of no tests; and the observer's file has to be there and be a list."""
    assert weigh(None) is None
    assert omitted(b"[]") == ()
    assert omitted(b'["a.py"]') == ("a.py",)
    assert omitted(None) == omitted(b"{}") == ("the end of the session",)


def test_the_observer_and_its_reader_agree() -> None:
    """The child has a copy of the one, and can't import the other."""
    assert (observer.PREFIX, observer.OMITTED) == (observed.PREFIX, observed.OMITTED)
