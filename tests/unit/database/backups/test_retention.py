"""Three years of backups with a clock of our own: what must never go, never goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.database.backups.manifest import KINDS
from scripts.database.backups.retention import FRESH, KeepRules, StoredBackup, reasons

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
KEEP = KeepRules(7, 5, 12)
STORED = st.lists(
    st.builds(
        StoredBackup,
        id=st.uuids().map(str),
        kind=st.sampled_from(KINDS),
        taken=st.integers(0, 3 * 365 * 24).map(lambda hours: NOW - timedelta(hours=hours)),
        proven=st.booleans(),
    ),
    max_size=60,
    unique_by=lambda each: each.id,
)


def daily(days: int) -> list[StoredBackup]:
    """One proven backup a day."""
    return [StoredBackup(f"d{n:04}", "daily", NOW - timedelta(days=n), proven=True) for n in range(days)]


def test_days_weeks_and_months() -> None:
    """After three years of daily ones, some twenty stay; the oldest is eleven months back."""
    why = reasons(daily(3 * 365), KEEP, NOW)
    kept = [each for each in daily(3 * 365) if each.id in why]
    ages = [(NOW - each.taken).days for each in kept]
    assert ages[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert len({each.taken.strftime("%G-%V") for each in kept}) >= 5
    assert len({each.taken.strftime("%Y-%m") for each in kept}) == 12
    assert len(kept) <= 7 + 5 + 12
    assert 300 <= max(ages) <= 335


def test_night_after_night_the_months_fill() -> None:
    """Pruned each night, it ends up with the same: nothing is removed that a later night needs."""
    there: list[StoredBackup] = []
    for night in range(500, -1, -1):
        now = NOW - timedelta(days=night)
        there.append(StoredBackup(f"d{night:04}", "daily", now, proven=True))
        kept = reasons(there, KEEP, now)
        there = [each for each in there if each.id in kept]
    assert len({each.taken.strftime("%Y-%m") for each in there}) == 12


@given(STORED, st.sets(st.integers(0, 59)))
@settings(max_examples=200, deadline=None)
def test_what_must_stay_stays(stored: list[StoredBackup], places: set[int]) -> None:
    """The newest proven one, all that is newer or young, and what a release needs."""
    needed = {each.id for place, each in enumerate(stored) if place in places}
    kept = reasons(stored, KEEP, NOW, needed)
    proven = sorted((each for each in stored if each.proven), key=lambda each: each.taken)
    if not proven:
        assert kept.keys() == {each.id for each in stored}
        return
    for each in stored:
        if each.id in needed or NOW - each.taken < FRESH or each.taken >= proven[-1].taken:
            assert each.id in kept


@given(STORED)
@settings(max_examples=100, deadline=None)
def test_pruning_again_removes_nothing(stored: list[StoredBackup]) -> None:
    kept = reasons(stored, KEEP, NOW)
    rest = [each for each in stored if each.id in kept]
    assert reasons(rest, KEEP, NOW).keys() == kept.keys()


def test_a_proven_one_counts_before_an_unproven() -> None:
    """Of one day, the one stays that somebody could rely on."""
    old = NOW - timedelta(days=4)
    two = [
        StoredBackup("later", "daily", old + timedelta(hours=1), False),
        StoredBackup("proven", "daily", old, True),
    ]
    kept = reasons([*two, *daily(1)], KeepRules(7, 0, 0), NOW)
    assert ("proven" in kept, "later" in kept) == (True, False)
