# pure
"""What a dry run measured of a migration, and what that means for others who use the database."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.database.migrations.files import Migration
from scripts.database.migrations.statements import fingerprint, unfit
from scripts.state.ledger import Choice, Ledger

# Lock modes that make `insert`, `update` and `delete` wait; the last one makes readers wait too.
BLOCK_WRITERS = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
COUNTS = ("rewritten", "rows", "updated", "deleted")
BLOCK_READERS = "AccessExclusiveLock"


@dataclass(frozen=True)
class Measurement:
    """The dry run of one migration. Tables that the migration itself makes are left out.

    Args:
        where: the environment, or the copy, on which it ran.
        seconds: how long it took; its locks are held no longer.
        locks: table -> lock modes.
        rewritten: table -> bytes that were rewritten.
        rows: table -> rows inserted, updated or deleted.
        updated: table -> rows changed.
        deleted: table -> rows that are gone.
    """

    file: str
    where: str
    seconds: float
    locks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rewritten: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    updated: Mapping[str, int] = field(default_factory=dict)
    deleted: Mapping[str, int] = field(default_factory=dict)

    def overwritten(self, backfills: Collection[str]) -> Iterator[str]:
        """In words, which rows that existed were changed or deleted.

        Args:
            backfills: `schema.table` that only got values in columns of the release's own.
        """
        for table in sorted({*self.updated, *self.deleted}):
            filled = table.replace('"', "") in backfills
            counts = {"updates": 0 if filled else self.updated.get(table, 0),
                      "deletes": self.deleted.get(table, 0)}  # fmt: skip
            said = " and ".join(f"{verb} {count}" for verb, count in counts.items() if count)
            if said:
                yield f"the dry run on {self.where} {said} rows of `{table}`"

    @property
    def blocked_tables(self) -> tuple[str, ...]:
        """Tables whose writers wait while it runs."""
        blocked = set(BLOCK_WRITERS)
        return tuple(sorted(table for table, modes in self.locks.items() if blocked & set(modes)))

    @property
    def blocked_seconds(self) -> float:
        """How long writers of some table wait."""
        return self.seconds if self.blocked_tables else 0.0

    def document(self) -> dict[str, Any]:
        """Its fields, and "blocks": how long writers wait."""
        locks = {table: list(modes) for table, modes in self.locks.items()}
        return {**vars(self), "locks": locks, "blocks": self.blocked_seconds}

    def words(self) -> Iterator[str]:
        """What people should know of it."""
        yield f"{self.seconds:g} s on {self.where}"
        if self.blocked_tables:
            readers = any(BLOCK_READERS in modes for modes in self.locks.values())
            who = "readers and writers" if readers else "writers"
            yield f"blocks {who} of {', '.join(self.blocked_tables)} for as long"
        for table, size in sorted(self.rewritten.items()):
            yield f"rewrites {table} ({size / 1e6:.1f} MB)"
        for table, count in sorted(self.rows.items()):
            yield f"changes {count} rows of {table}"


def runnable(pending: Sequence[Migration]) -> tuple[list[Migration], list[tuple[Migration, str]]]:
    """Migrations that run in one transaction; and those that do not, with the words that prevent it."""
    checked = [(migration, unfit(migration.sql)) for migration in pending]
    return (
        [migration for migration, word in checked if word is None],
        [(migration, word) for migration, word in checked if word],
    )


def with_earlier_locks(
    measurements: Sequence[Measurement], texts: Mapping[str, str]
) -> tuple[Measurement, ...]:
    """Add, to each migration that names a table, the locks that an earlier one already had on it.

    The server reports a lock once for the whole transaction; alone, each migration would take its own.
    """
    held: dict[str, set[str]] = {}
    completed = []
    for measurement in measurements:
        locks = {table: set(modes) for table, modes in measurement.locks.items()}
        for table, modes in held.items():
            name = re.escape(table.rpartition(".")[2].strip('"'))
            if table not in locks and re.search(rf"\b{name}\b", texts.get(measurement.file, "")):
                locks[table] = modes
        for table, modes in locks.items():
            held.setdefault(table, set()).update(modes)
        modes_of = {table: tuple(sorted(modes)) for table, modes in locks.items()}
        completed.append(replace(measurement, locks=modes_of))
    return tuple(completed)


def too_long(measurements: Sequence[Measurement], limit: float) -> tuple[Measurement, ...]:
    """Those that would make writers wait for longer than `limit` seconds."""
    return tuple(measurement for measurement in measurements if measurement.blocked_seconds > limit)


def remembered(ledger: Ledger, migrations: Sequence[Migration], environment: str) -> dict[str, Measurement]:
    """By file, the newest measurement in the ledger of the same text; the environment's own come first."""
    files = {fingerprint(migration.sql): migration.file for migration in migrations}
    by_file: dict[str, Measurement] = {}
    for event in [*ledger.newest(Choice(mark="measured"))][::-1] if files else ():
        for digest, document in event.detail["measured"].items():
            file = files.get(digest)
            own = event.environment == environment
            if file and (own or file not in by_file or by_file[file].where != environment):
                measurement = parse(document)
                if measurement:
                    by_file[file] = measurement
    return by_file


def documents(measurements: Sequence[Measurement], migrations: Sequence[Migration]) -> dict[str, Any]:
    """What the ledger keeps: the fingerprint of the text -> its measurement."""
    digests = {migration.file: fingerprint(migration.sql) for migration in migrations}
    return {
        digests[measurement.file]: measurement.document()
        for measurement in measurements
        if measurement.file in digests
    }


def parse(document: object) -> Measurement | None:
    """A measurement from the ledger; None if the document is something else."""
    if not isinstance(document, Mapping) or not isinstance(document.get("seconds"), int | float):
        return None
    tables: dict[str, Mapping[str, Any]] = {}
    for key in ("locks", *COUNTS):
        value = document.get(key)
        tables[key] = value if isinstance(value, Mapping) else {}
    locks = {str(k): tuple(map(str, v)) for k, v in tables["locks"].items() if isinstance(v, list)}
    numbers = {
        key: {str(k): int(v) for k, v in tables[key].items() if isinstance(v, int)} for key in COUNTS
    }
    where = str(document.get("where", ""))
    return Measurement(str(document.get("file", "")), where, float(document["seconds"]), locks, **numbers)
