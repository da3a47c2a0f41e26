"""Whether a release is worse than the one before."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scripts.config.monitor_settings import WatchWindow
from scripts.monitor.verdict import Figures, Sample, baseline, breach, figures, slower
from scripts.state.ledger import Event

RULES, BEFORE = WatchWindow(), Figures("v41", 1000, 0.1, 0.2)


def samples(share: float, number: int, chance: random.Random, every: float = 5.0) -> list[Sample]:
    """Forty requests each tick, of which that share fails."""
    return [
        Sample(at // 40 * every, chance.random() >= share, 0.1, "it answers 500") for at in range(number)
    ]


def first_breach(share: float, before: Figures | None, seconds: int, chance: random.Random) -> int | None:
    """After how many seconds a breach is seen; None if none is."""
    made = samples(share, seconds * 8, chance)
    for tick in range(40, len(made) + 1, 40):
        if breach(made[max(0, tick - 520) : tick], before, RULES):
            return tick // 8
    return None


@pytest.mark.parametrize(
    ("before", "after"), [(None, 1.0), (None, 0.1), (0.05, 0.1), (0.1, 0.2), (0.2, 0.4), (0.0, 0.05)]
)
def test_a_worse_release_is_seen_within_a_minute(before: float | None, after: float) -> None:
    """In nine of ten windows at least, also where the release before was not good either."""
    known = None if before is None else BEFORE._replace(errors=before)
    chance = random.Random(7)  # noqa: S311 - a simulation
    found = [first_breach(after, known, 60, chance) for _ in range(100)]

    assert sum(each is not None for each in found) >= 90


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1])
def test_an_equal_release_passes(share: float) -> None:
    """Ten minutes, again and again: chance alone takes no release back."""
    chance = random.Random(7)  # noqa: S311 - a simulation
    known = BEFORE._replace(errors=share)
    found = [first_breach(share, known, 600, chance) for _ in range(40)]

    assert sum(each is not None for each in found) <= 1


def test_a_few_requests_say_nothing() -> None:
    """Nor does what happened more than a minute ago."""
    bad = [Sample(0.0, False, 0.0, "x")] * 119
    later = [Sample(100.0, True, 0.1)] * 100

    assert (
        breach([], None, RULES)
        == breach(bad, None, RULES)
        == breach([*bad, *bad, *later], None, RULES)
        == ""
    )
    assert breach(bad * 2, BEFORE, RULES) == "100.0% of 238 requests failed, 10.0% with v41: x"


def test_the_baseline_is_the_last_release_that_passed() -> None:
    """Never the same commit, nor one that failed, nor what another hand wrote."""

    def proof(release: str, commit: str, ending: str = "done", **detail: Any) -> Event:
        known = {"figures": {"requests": 100, "errors": 0.01, "p95": 0.2}, **detail}
        return Event("production", "proof", ending, release, commit, "Ada", "", "r", known)

    proofs = [proof("v1", "a"), proof("v2", "b", "failed"), proof("v3", "c", figures={"errors": "x"})]
    assert baseline([*proofs, proof("v4", "d")], "d") == Figures("v1", 100, 0.01, 0.2)
    assert baseline(proofs, "a") is None


def test_slower_needs_twice_the_time_and_a_tenth_of_a_second() -> None:
    """Of the good answers."""
    seen = figures("v42", [Sample(0, True, 0.5), Sample(0, False, 9.0), Sample(0, True, 0.5)])

    assert (round(seen.errors, 3), seen.p95) == (0.333, 0.5)
    assert slower(seen, BEFORE, RULES) == "slower: p95 500 ms, 200 ms with v41"
    assert slower(seen, BEFORE._replace(p95=0.3), RULES) == slower(seen, None, RULES) == ""
    assert slower(seen._replace(p95=0.03), BEFORE._replace(p95=0.01), RULES) == ""
