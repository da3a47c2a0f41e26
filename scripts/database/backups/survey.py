"""All backups of an environment: those that the ledger records, those that are stored, and their copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, retention, storage
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.copies import Copy, look_at
from scripts.database.backups.storage import Shelf
from scripts.state.ledger import Ledger
from scripts.system.background import submit

AT_ONCE = 8  # copies that are looked at


@dataclass(frozen=True)
class Found:
    """A backup and its copies.

    Args:
        record: the ledger's; None: the ledger does not know it.
        copies: one for each place, and one for each other machine that has it by the ledger.
        missed: copies that should be intact and are not.
    """

    id: str
    record: BackupRecord | None
    copies: tuple[Copy, ...]
    missed: tuple[Copy, ...]

    @property
    def intact(self) -> bool:
        """Whether an intact copy can be read from here."""
        return any(copy.state == "intact" for copy in self.copies)

    @property
    def proven(self) -> bool:
        """Whether it was proven, and an intact copy of it can be read from here."""
        return bool(self.record and self.record.proven) and self.intact


@dataclass(frozen=True)
class Survey:
    """The backups of an environment, oldest first, and the stores that they were looked for in."""

    environment: Environment
    backups: tuple[Found, ...]
    shelf: Shelf

    @property
    def intact(self) -> frozenset[str]:
        """The backups of which an intact copy can be read from here."""
        return frozenset(found.id for found in self.backups if found.intact)

    def problems(self) -> Iterator[str]:
        """What is wrong with the copies: which backup, which place, what."""
        for place, fault in self.shelf.unreadable.items():
            yield f"{place} can't be read: {fault.message}"
        for found in self.backups:
            for copy in found.missed:
                yield f"`{found.id}` in {copy.place}: {copy.why}"


def survey(desk: Desk, environment: Environment, ledger: Ledger, *, deep: bool = False) -> Survey:
    """Look at every backup in every place; `deep` reads each file to its end."""
    records = catalog.records(ledger, environment.name)
    shelf = storage.read_stores(desk, environment)
    wanted = _wanted(desk, environment, ledger, records, shelf)
    ids = sorted({*shelf.backups, *(name for name in records if name in wanted)})
    looks = {(name, number): None for name in ids for number in range(len(shelf.stores))}
    copies = dict(
        zip(looks, _look_at_all(environment, shelf, records, list(looks), deep=deep), strict=True)
    )
    newest = next((name for name in reversed(ids) if _is_proven(records.get(name))), None)
    backups = []
    for name in ids:
        record = records.get(name)
        found = tuple(copies[name, number] for number in range(len(shelf.stores)))
        expected = _expected(desk, environment, record, shelf, everywhere=name == newest)
        missed = _missed(found, expected, record) if record and name in wanted else ()
        others = _elsewhere(desk, environment, record, shelf)
        backups.append(Found(name, record, (*_told(found, expected), *others), missed))
    return Survey(environment, tuple(backups), shelf)


def _is_proven(record: BackupRecord | None) -> bool:
    return bool(record and record.proven and not record.pruned)


def _wanted(
    desk: Desk,
    environment: Environment,
    ledger: Ledger,
    records: Mapping[str, BackupRecord],
    shelf: Shelf,
) -> frozenset[str]:
    """What retention keeps of all that is recorded or stored, but was not pruned."""
    keep = desk.settings.backup
    ids = {*shelf.backups, *(name for name, record in records.items() if not record.pruned)}
    kept = retention.reasons(
        catalog.for_retention(sorted(ids), records),
        retention.KeepRules(keep.keep_daily, keep.keep_weekly, keep.keep_monthly),
        datetime.fromisoformat(desk.now()),
        catalog.needed_by_releases(ledger, environment.name),
    )
    return frozenset(kept)


def _look_at_all(
    environment: Environment,
    shelf: Shelf,
    records: Mapping[str, BackupRecord],
    looks: list[tuple[str, int]],
    *,
    deep: bool,
) -> Iterator[Copy]:
    """Several at once: a bucket takes its time to answer."""
    for first in range(0, len(looks), AT_ONCE):
        started = [
            submit(look_at, shelf.stores[number], environment.name, name, records.get(name), deep=deep)
            for name, number in looks[first : first + AT_ONCE]
        ]
        yield from (look.result() for look in started)


def _expected(
    desk: Desk, environment: Environment, record: BackupRecord | None, shelf: Shelf, *, everywhere: bool
) -> frozenset[str]:
    """The places that must have an intact copy: those in the ledger, and for the newest the bucket."""
    if not _is_proven(record) or record is None:
        return frozenset()
    folder = storage.folder_store(desk, environment)
    bucket = {store.place for store in shelf.stores} - {folder.place}
    here = record.machines.get(storage.this_machine(desk)) == str(folder.folder / record.id)
    return frozenset(
        {*([folder.place] if here else []), *(bucket if everywhere or record.bucket in bucket else [])}
    )


def _missed(found: tuple[Copy, ...], expected: frozenset[str], record: BackupRecord) -> tuple[Copy, ...]:
    if not _is_proven(record):
        return ()
    missed = tuple(
        copy
        for copy in found
        if copy.state in ("damaged", "unreadable") or (copy.state == "gone" and copy.place in expected)
    )
    intact = any(copy.state == "intact" for copy in found)
    if intact or missed or record.machines:
        return missed
    return (Copy(record.bucket or record.place, "gone", "no copy of it can be found"),)


def _told(found: tuple[Copy, ...], expected: frozenset[str]) -> Iterator[Copy]:
    """Without the places that have nothing of it, and need not."""
    return (copy for copy in found if copy.state != "gone" or copy.place in expected)


def _elsewhere(
    desk: Desk, environment: Environment, record: BackupRecord | None, shelf: Shelf
) -> Iterator[Copy]:
    """The copies that the ledger knows of and that can't be looked at from here."""
    if record is None:
        return
    here = str(storage.folder_store(desk, environment).folder / record.id)
    for machine, path in record.elsewhere(storage.this_machine(desk), here).items():
        yield Copy(f"{machine}:{path}", "elsewhere", f"on the disk of `{machine}`")
    if record.bucket and record.bucket not in {store.place for store in shelf.stores}:
        why = "can't be read" if record.bucket in shelf.unreadable else "is not the bucket of `[backup]`"
        yield Copy(record.bucket, "unreadable" if record.bucket in shelf.unreadable else "elsewhere", why)


def row(desk: Desk, environment: Environment, found: Found) -> dict[str, Any]:
    """A backup in the JSON document of `backup.list`."""
    record = found.record
    taken = catalog.taken_at(found.id)
    age = (datetime.fromisoformat(desk.now()) - taken).total_seconds() / 3600
    return {
        "backup": found.id,
        "environment": environment.name,
        "kind": catalog.kind_of(found.id),
        "at": taken.isoformat(timespec="seconds"),
        "age_hours": round(age, 1),
        "bytes": record.bytes if record else None,
        "rows": record.rows if record else None,
        "proven": found.proven,
        "proven_at": (record.proven or None) if record else None,
        "fault": (record.fault or None) if record else None,
        "recorded": record is not None,
        "places": [copy.place for copy in found.copies if copy.state in ("intact", "damaged")],
        "copies": [copy.document() for copy in found.copies],
    }
