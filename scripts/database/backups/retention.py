# pure
"""Which backups are kept: daily, weekly, monthly, and those that somebody may still need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scripts.database.backups.manifest import Kind

FRESH = timedelta(hours=48)  # nothing younger is ever removed
BEFORE_CHANGE = timedelta(days=30)  # a backup from before a change is kept as long as a rollback is likely
RECENT_PREDEPLOY = 10  # and this many of them, however old


@dataclass(frozen=True)
class KeepRules:
    """`[backup] keep_*`: for how many days, weeks and months one backup each is kept."""

    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True)
class StoredBackup:
    """What retention needs to know about a backup."""

    id: str
    kind: Kind
    taken: datetime
    proven: bool


def reasons(
    backups: Sequence[StoredBackup], keep: KeepRules, now: datetime, needed: Collection[str] = ()
) -> dict[str, str]:
    """Id -> why the backup is kept; one that is not in the result may be removed.

    A proven backup is preferred as the one of its day. While nothing is proven, everything is kept.

    Args:
        backups: those of one environment, in any order.
        keep: for how many days, weeks and months.
        now: with a time zone, like all times here.
        needed: ids that a rollback of a recent release would use.
    """
    newest = sorted(backups, key=lambda backup: (backup.taken, backup.id), reverse=True)
    proven = [backup for backup in newest if backup.proven]
    if not proven:
        return {backup.id: "nothing is proven yet" for backup in newest}
    kept: dict[str, str] = {}
    _keep(kept, proven[:1], "the newest proven one")
    _keep(
        kept,
        (backup for backup in newest if backup.taken >= proven[0].taken),
        "newer than the newest proven one",
    )
    _keep(kept, (backup for backup in newest if backup.id in needed), "a release may go back to it")
    _keep(kept, (backup for backup in newest if now - backup.taken < FRESH), "younger than 48 hours")
    _keep_before_changes(kept, newest, now)
    _keep_regular(kept, newest, keep)
    return kept


def _keep_before_changes(kept: dict[str, str], newest: Sequence[StoredBackup], now: datetime) -> None:
    before = [backup for backup in newest if backup.kind in ("predeploy", "presafety")]
    recent = (backup for backup in before if now - backup.taken < BEFORE_CHANGE)
    _keep(kept, recent, "taken before a change, 30 days ago or less")
    predeploy = [backup for backup in before if backup.kind == "predeploy"]
    _keep(kept, predeploy[:RECENT_PREDEPLOY], "one of the last before a release")


def _keep_regular(kept: dict[str, str], newest: Sequence[StoredBackup], keep: KeepRules) -> None:
    regular = [backup for backup in newest if backup.kind in ("daily", "manual")]
    proven_first = sorted(regular, key=lambda backup: not backup.proven)  # stable: each newest first
    _keep(kept, _one_each(proven_first, keep.daily, lambda at: at.strftime("%Y-%m-%d")), "daily")
    _keep(kept, _one_each(proven_first, keep.weekly, lambda at: at.strftime("%G-%V")), "weekly")
    _keep(kept, _one_each(proven_first, keep.monthly, lambda at: at.strftime("%Y-%m")), "monthly")


def _keep(kept: dict[str, str], backups: Iterable[StoredBackup], why: str) -> None:
    for backup in backups:
        kept.setdefault(backup.id, why)


def _one_each(
    backups: Sequence[StoredBackup], count: int, period: Callable[[datetime], str]
) -> list[StoredBackup]:
    """The first backup of each of the last `count` periods that have one."""
    firsts: dict[str, StoredBackup] = {}
    for backup in backups:
        firsts.setdefault(period(backup.taken), backup)
    return [firsts[name] for name in sorted(firsts, reverse=True)[:count]]
