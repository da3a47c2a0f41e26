# pure
"""What the ledger records about backups: which exist, which are proven, and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from scripts.database.backups.manifest import ID, KINDS, Kind, Manifest
from scripts.database.backups.retention import StoredBackup
from scripts.state.ledger import Ledger

EVENT = "backup"  # the kind of event
PRUNED = "prune"  # the kind of event that says which backups were removed on purpose
ROLLBACK_WINDOW = 10  # releases
REGULAR: tuple[Kind, ...] = ("daily", "manual")  # kinds that a person or CI asks for
MANY_ROWS, SHRINK = 50, 0.2  # a table with at least so many rows that lost more than this share is reported


@dataclass(frozen=True)
class BackupRecord:
    """A backup according to the ledger.

    Args:
        digest: SHA-256 of its manifest when it was taken.
        proven: when it was last proven, UTC, ISO 8601; "" if never, or if a later proof failed.
        fault: why the last proof failed; "" if it did not.
        taken: when, UTC.
        seconds: how long taking it took.
        machines: host name of a machine that has it -> the folder there.
        bucket: the place in a bucket that has it, such as `s3://kept/app/production/`; "" for none.
        place: where the newest event says that it is; all that desks before this one recorded.
        pruned: it was removed on purpose.
    """

    id: str
    digest: str
    proven: str
    fault: str
    taken: datetime
    bytes: int
    rows: int
    seconds: float
    machines: Mapping[str, str] = field(default_factory=dict)
    bucket: str = ""
    place: str = ""
    pruned: bool = False

    def elsewhere(self, host: str, folder: str) -> dict[str, str]:
        """The machines that have it in another folder than this one: host name -> folder."""
        return {name: path for name, path in self.machines.items() if (name, path) != (host, folder)}

    @property
    def kind(self) -> Kind:
        """From its id."""
        return kind_of(self.id)


def records(ledger: Ledger, environment: str) -> dict[str, BackupRecord]:
    """By id, oldest first: what the newest event about each says, with the digest of the first.

    Where it is, is what all events say together: each knows of the places that it looked at.
    """
    by_id: dict[str, BackupRecord] = {}
    for event in ledger.events:
        detail = event.detail
        if event.environment != environment:
            continue
        if event.kind == PRUNED:
            for backup in _texts(detail.get("removed")):
                if backup in by_id:
                    by_id[backup] = replace(by_id[backup], pruned=True, machines={}, bucket="")
        backup = str(detail.get("backup", ""))
        if event.kind != EVENT or not ID.fullmatch(backup):
            continue
        first = by_id.get(backup)
        done, place = event.ending == "done", str(detail.get("place", ""))
        machine = {str(detail["machine"]): place} if detail.get("machine") else {}
        by_id[backup] = BackupRecord(
            id=backup,
            digest=(first.digest if first else "") or str(detail.get("manifest", "")),
            proven=event.at if done and detail.get("proven") is True else "",
            fault="" if done else str(detail.get("reason", "")),
            taken=taken_at(backup),
            bytes=_number(detail, "bytes") or (first.bytes if first else 0),
            rows=_number(detail, "rows") or (first.rows if first else 0),
            seconds=float(_number(detail, "seconds")) or (first.seconds if first else 0.0),
            machines={**(first.machines if first else {}), **machine},
            bucket=str(detail.get("bucket") or "") or (first.bucket if first else ""),
            place=place,
        )
    return by_id


def taken_at(backup: str) -> datetime:
    """When a backup was taken, from its id."""
    return datetime.strptime(backup[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def kind_of(backup: str) -> Kind:
    """Its kind, from its id."""
    word = backup.split("-")[2]
    return next(kind for kind in KINDS if kind == word)


def for_retention(ids: Sequence[str], by_id: Mapping[str, BackupRecord]) -> list[StoredBackup]:
    """What retention needs to know about these."""
    return [
        StoredBackup(
            backup, kind_of(backup), taken_at(backup), bool(backup in by_id and by_id[backup].proven)
        )
        for backup in ids
    ]


def needed_by_releases(ledger: Ledger, environment: str) -> frozenset[str]:
    """The backups that were taken for the last releases: a rollback of one needs its backup."""
    runs = [
        event.run
        for event in reversed(ledger.events)
        if event.environment == environment and event.kind in ("release", "rollback")
    ][:ROLLBACK_WINDOW]
    return frozenset(
        str(event.detail.get("backup"))
        for event in ledger.events
        if (event.environment, event.kind) == (environment, EVENT) and event.detail.get("for") in runs
    )


def why_stale(
    by_id: Mapping[str, BackupRecord], now: str, max_age: float, intact: Collection[str]
) -> str | None:
    """Why none of the `intact` backups is proven and at most `max_age` hours old; None if one is."""
    proven = [record for record in by_id.values() if record.proven and record.id in intact]
    if not proven:
        return "no intact backup is proven" if intact else "there is no backup that can be read here"
    newest = max(proven, key=lambda record: record.taken)
    hours = (datetime.fromisoformat(now) - newest.taken).total_seconds() / 3600
    if hours <= max_age:
        return None
    return f"the newest proven backup, `{newest.id}`, is {hours:.0f} h old; {max_age:g} h are allowed"


def earlier_proven(backup: str, by_id: Mapping[str, BackupRecord]) -> tuple[str, ...]:
    """The regular proven backups before this one, newest first, to compare its tables with.

    Those taken before a release or a restore don't count: they keep a state, good or bad.
    """
    proven = [record.id for record in by_id.values() if record.proven and record.kind in REGULAR]
    return tuple(sorted((other for other in proven if other < backup), reverse=True))


def shrunken_tables(manifest: Manifest, before: Manifest) -> list[str]:
    """Tables that lost more than a fifth of their rows since a backup, unless a migration dropped them."""
    migrated = manifest.migrations.keys() != before.migrations.keys()
    return [
        f"{name} has {manifest.rows.get(name, 0):,} rows, {rows:,} in `{before.id}`"
        for name, rows in sorted(before.rows.items())
        if rows >= MANY_ROWS
        and manifest.rows.get(name, 0) < (1 - SHRINK) * rows
        and not (migrated and name not in manifest.rows)
    ]


def _number(detail: Mapping[str, Any], name: str) -> Any:
    value = detail.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
