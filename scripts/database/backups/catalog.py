# pure
"""What the ledger knows of backups: which were taken, which are proven, and since when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scripts.database.backups.manifest import ID, KINDS, Kind, Manifest
from scripts.database.backups.retention import Stored
from scripts.state.ledger import Ledger

EVENT = "backup"  # the kind of event
WINDOW = 10  # releases that one may want to go back over
REGULAR: tuple[Kind, ...] = ("daily", "manual")  # kinds that a person or CI asks for
MANY, SHRUNK = 50, 0.2  # a table of so many rows that lost more than this share is worth a look


@dataclass(frozen=True)
class Known:
    """One backup by the ledger.

    Args:
        digest: SHA-256 of its manifest, as it was when it was taken.
        proven: when it was proven, UTC, ISO 8601; "" for never, or not any more.
        fault: why the last proof failed; "" where none did.
        taken: when, UTC.
        seconds: what taking it took.
    """

    id: str
    digest: str
    proven: str
    fault: str
    taken: datetime
    bytes: int
    rows: int
    seconds: float

    @property
    def kind(self) -> Kind:
        """As its id says it."""
        return kind_of(self.id)


def known(ledger: Ledger, environment: str) -> dict[str, Known]:
    """By id, oldest first: what the newest event about each says, and the first one's digest."""
    found: dict[str, Known] = {}
    for each in ledger.events:
        detail = each.detail
        backup = str(detail.get("backup", ""))
        if (each.environment, each.kind) != (environment, EVENT) or not ID.fullmatch(backup):
            continue
        first = found.get(backup)
        proven = each.at if each.ending == "done" and detail.get("proven") is True else ""
        found[backup] = Known(
            id=backup,
            digest=first.digest if first else str(detail.get("manifest", "")),
            proven=proven,
            fault="" if each.ending == "done" else str(detail.get("reason", "")),
            taken=taken_at(backup),
            bytes=_number(detail, "bytes"),
            rows=_number(detail, "rows"),
            seconds=float(_number(detail, "seconds")) or (first.seconds if first else 0.0),
        )
    return found


def taken_at(backup: str) -> datetime:
    """When a backup was taken, by its id."""
    return datetime.strptime(backup[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def kind_of(backup: str) -> Kind:
    """Its kind, by its id."""
    word = backup.split("-")[2]
    return next(kind for kind in KINDS if kind == word)


def stored(ids: Sequence[str], by_ledger: Mapping[str, Known]) -> list[Stored]:
    """What retention has to know of these."""
    return [
        Stored(each, kind_of(each), taken_at(each), bool(each in by_ledger and by_ledger[each].proven))
        for each in ids
    ]


def needed(ledger: Ledger, environment: str) -> frozenset[str]:
    """The backups that were taken for the last releases: whoever goes back over one needs its."""
    runs = [
        each.run
        for each in reversed(ledger.events)
        if each.environment == environment and each.kind in ("release", "rollback")
    ][:WINDOW]
    return frozenset(
        str(each.detail.get("backup"))
        for each in ledger.events
        if (each.environment, each.kind) == (environment, EVENT) and each.detail.get("for") in runs
    )


def stale(by_ledger: Mapping[str, Known], now: str, max_age: float, there: Sequence[str]) -> str | None:
    """Why none of those that are `there` is proven and young enough (hours); None if one is."""
    proven = [each for each in by_ledger.values() if each.proven and each.id in there]
    if not proven:
        return "no backup is proven" if there else "there is no backup"
    newest = max(proven, key=lambda each: each.taken)
    hours = (datetime.fromisoformat(now) - newest.taken).total_seconds() / 3600
    if hours <= max_age:
        return None
    return f"the newest proven backup, `{newest.id}`, is {hours:.0f} h old; {max_age:g} h are allowed"


def judged_by(backup: str, by_ledger: Mapping[str, Known]) -> tuple[str, ...]:
    """The regular proven backups before this one, the newest first: what its tables are compared with.

    Those before a release or a restore do not count: they keep a state whatever it is.
    """
    before = [each.id for each in by_ledger.values() if each.proven and each.kind in REGULAR]
    return tuple(sorted((each for each in before if each < backup), reverse=True))


def suspicious(manifest: Manifest, before: Manifest) -> list[str]:
    """Tables that shrank by more than a fifth since a backup; one that a migration dropped is none."""
    migrated = manifest.migrations.keys() != before.migrations.keys()
    return [
        f"{name} has {manifest.rows.get(name, 0):,} rows, {rows:,} in `{before.id}`"
        for name, rows in sorted(before.rows.items())
        if rows >= MANY
        and manifest.rows.get(name, 0) < (1 - SHRUNK) * rows
        and not (migrated and name not in manifest.rows)
    ]


def _number(detail: Mapping[str, Any], name: str) -> Any:
    value = detail.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
