# pure
"""Which backups stay: daily, weekly, monthly, and those that somebody may still need. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scripts.database.backups.manifest import Kind

FRESH = timedelta(hours=48)  # nothing younger is ever removed
SAFE = timedelta(days=30)  # what was taken before a change stays as long as one may go back
RECENT_PREDEPLOY = 10  # and so many of those, however old


@dataclass(frozen=True)
class Kept:
    """`[backup] keep_*`: how many days, weeks and months have a backup."""

    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True)
class Stored:
    """What retention has to know of one backup."""

    id: str
    kind: Kind
    taken: datetime
    proven: bool


def reasons(
    backups: Sequence[Stored], keep: Kept, now: datetime, needed: Collection[str] = ()
) -> dict[str, str]:
    """For each backup, by id, why it stays; one without a reason is not in it and may go.

    A proven backup counts for its day before one that was never proven. While nothing is proven,
    everything stays.

    Args:
        backups: those of one environment, in any order.
        keep: how many days, weeks and months.
        now: with a time zone, as all the times.
        needed: ids that a release within the rollback window goes back to.
    """
    newest = sorted(backups, key=lambda each: (each.taken, each.id), reverse=True)
    found: dict[str, str] = {}
    proven = [each for each in newest if each.proven]
    if not proven:
        return {each.id: "nothing is proven yet" for each in newest}
    _note(found, proven[:1], "the newest proven one")
    _note(
        found,
        (each for each in newest if each.taken >= proven[0].taken),
        "newer than the newest proven one",
    )
    _note(found, (each for each in newest if each.id in needed), "a release may go back to it")
    _note(found, (each for each in newest if now - each.taken < FRESH), "younger than 48 hours")
    _before_changes(found, newest, now)
    _regular(found, newest, keep)
    return found


def _before_changes(found: dict[str, str], newest: Sequence[Stored], now: datetime) -> None:
    before = [each for each in newest if each.kind in ("predeploy", "presafety")]
    young = (each for each in before if now - each.taken < SAFE)
    _note(found, young, "taken before a change, 30 days ago or less")
    predeploy = [each for each in before if each.kind == "predeploy"]
    _note(found, predeploy[:RECENT_PREDEPLOY], "one of the last before a release")


def _regular(found: dict[str, str], newest: Sequence[Stored], keep: Kept) -> None:
    regular = [each for each in newest if each.kind in ("daily", "manual")]
    ordered = sorted(regular, key=lambda each: not each.proven)  # the proven first, each newest first
    _note(found, _latest(ordered, keep.daily, lambda at: at.strftime("%Y-%m-%d")), "daily")
    _note(found, _latest(ordered, keep.weekly, lambda at: at.strftime("%G-%V")), "weekly")
    _note(found, _latest(ordered, keep.monthly, lambda at: at.strftime("%Y-%m")), "monthly")


def _note(found: dict[str, str], backups: Iterable[Stored], why: str) -> None:
    for each in backups:
        found.setdefault(each.id, why)


def _latest(backups: Sequence[Stored], count: int, period: Callable[[datetime], str]) -> list[Stored]:
    """The best of each of the last `count` periods that have one."""
    best: dict[str, Stored] = {}
    for each in backups:
        best.setdefault(period(each.taken), each)
    return [best[name] for name in sorted(best, reverse=True)[:count]]
