"""The stores that an environment's backups are in, by its configuration; and a backup fetched from them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, encryption
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.copies import checked_manifest, look_at, one_line, stored_file, stored_name
from scripts.database.backups.manifest import ID, File, Manifest
from scripts.database.backups.s3_bucket import Bucket
from scripts.database.backups.store import FolderStore, Store
from scripts.database.backups.store_s3 import BucketStore
from scripts.errors import BackupFault, ConfigError, DeskError, Refused, Unreachable
from scripts.state.ledger import Ledger
from scripts.system.near import guess
from scripts.system.secret import Secret

KEY_ID, SECRET_KEY, IDENTITY = "BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET_KEY", "BACKUP_IDENTITY"


NEWEST = "newest"  # in place of a backup's id
NAMED = 2  # proven backups that can't be used here, and that a note names
CI = " (CI)"  # follows the name of a machine that works for CI, and whose disk may be thrown away


def this_machine(desk: Desk) -> str:
    """The name by which the ledger knows this machine."""
    return f"{desk.host}{CI}" if desk.actor.endswith(CI) else desk.host


def folder_store(desk: Desk, environment: Environment) -> FolderStore:
    """The backups on this machine."""
    configured = desk.settings.backup.folder
    root = desk.config_folder / configured if configured else desk.state_folder / "backups"
    return FolderStore(root / environment.name)


def bucket_store(desk: Desk, environment: Environment) -> BucketStore | None:
    """The backups in the bucket; None if none is configured.

    Raises:
        ConfigError: its keys are missing.
    """
    backup, values = desk.settings.backup, desk.values(environment)
    if not backup.bucket:
        return None
    missing = ", ".join(f"`{name}`" for name in (KEY_ID, SECRET_KEY) if not values.get(name))
    if missing:
        raise ConfigError(
            f"the bucket `{backup.bucket}` needs {missing}",
            f"set it in `{desk.config_folder / f'.env.{environment.name}'}`, or in CI's environment",
        )
    prefix = backup.prefix.strip("/")
    path = "/".join([*([prefix] if prefix else []), environment.name, ""])
    secret = Secret(values[SECRET_KEY])
    return BucketStore(Bucket(backup.bucket, backup.endpoint, backup.region, values[KEY_ID], secret), path)


def stores(desk: Desk, environment: Environment) -> tuple[Store, ...]:
    """All stores, the nearest first."""
    bucket = bucket_store(desk, environment)
    folder: Store = folder_store(desk, environment)
    return (folder, bucket) if bucket else (folder,)


@dataclass(frozen=True)
class Shelf:
    """What the stores of an environment hold, as far as they can be read.

    Args:
        stores: those that can be read, the nearest first.
        backups: by id, oldest first, the stores that have it, the nearest first.
        unreadable: place -> why it can't be read.
    """

    stores: tuple[Store, ...]
    backups: dict[str, list[Store]]
    unreadable: dict[str, DeskError] = field(default_factory=dict)


def read_stores(desk: Desk, environment: Environment) -> Shelf:
    """List every store; one that can't be read is named, and the others are used."""
    unreadable: dict[str, DeskError] = {}
    readable: list[Store] = []
    found: list[Store] = [folder_store(desk, environment)]
    try:
        bucket = bucket_store(desk, environment)
        found += [bucket] if bucket else []
    except ConfigError as fault:
        unreadable[f"s3://{desk.settings.backup.bucket}"] = fault
    by_id: dict[str, list[Store]] = {}
    for store in found:
        try:
            ids = store.ids()
        except Unreachable as fault:
            unreadable[store.place] = fault
            continue
        readable.append(store)
        for backup in filter(ID.fullmatch, ids):
            by_id.setdefault(backup, []).append(store)
    return Shelf(tuple(readable), dict(sorted(by_id.items())), unreadable)


def stored_backups(desk: Desk, environment: Environment) -> dict[str, list[Store]]:
    """By id, oldest first, the stores that have it, the nearest first.

    A store that can't be read is named in a warning, and left out.
    """
    shelf = read_stores(desk, environment)
    warn_of_unreadable(desk, shelf)
    return shelf.backups


def warn_of_unreadable(desk: Desk, shelf: Shelf) -> None:
    """Say which stores can't be read, and why."""
    for place, fault in shelf.unreadable.items():
        desk.progress.note(f"warning: {place} is left out: {fault.message}")


def require_readable(shelf: Shelf) -> None:
    """For work that needs every store.

    Raises:
        DeskError: one of them can't be read.
    """
    for fault in shelf.unreadable.values():
        raise fault


def proven_backups(desk: Desk, environment: Environment, ledger: Ledger) -> Iterator[Manifest]:
    """The manifests of the proven backups that can be read from here, newest first.

    Those that can't be read from here are named in notes. Safety backups are left out: what they hold was
    replaced, for a reason.
    """
    shelf = read_stores(desk, environment)
    warn_of_unreadable(desk, shelf)
    passed_over = 0
    for record in reversed(catalog.records(ledger, environment.name).values()):
        if not record.proven or record.pruned or record.kind == "presafety":
            continue
        faults = []
        for store in shelf.backups.get(record.id, ()):
            copy = look_at(store, environment.name, record.id, record)
            if copy.state == "intact":
                yield checked_manifest(store, environment.name, record.id, record)
                break
            faults.append(f"{copy.place}: {copy.why}")
        else:
            passed_over += 1
            if passed_over <= NAMED:
                desk.progress.note(not_usable(record, faults))
    if passed_over > NAMED:
        desk.progress.note(f"{passed_over - NAMED} older ones can't be used here either")


def not_usable(record: BackupRecord, faults: Sequence[str] = ()) -> str:
    """For people: why a proven backup can't be used here; `faults` of the copies that were looked at."""
    return f"`{record.id}` is proven, and can't be used here: {'; '.join(faults) or where(record)}"


def newest_recorded(ledger: Ledger, environment: Environment) -> str:
    """The newest backup of an environment that the ledger calls proven.

    Raises:
        Refused: there is none.
    """
    proven = [name for name, each in catalog.records(ledger, environment.name).items() if each.proven]
    if not proven:
        raise Refused(
            f"{environment.name} has no proven backup", f"`invoke backup --env {environment.name}`"
        )
    return max(proven)


def newest_proven(desk: Desk, environment: Environment, ledger: Ledger) -> str | None:
    """The newest proven backup that can be read from here; None if there is none."""
    newest = next(proven_backups(desk, environment, ledger), None)
    return newest.id if newest else None


def where(record: BackupRecord) -> str:
    """Where a backup is by the ledger, for people."""
    machines = [f"on `{name}` in `{path}`" for name, path in record.machines.items()]
    bucket = [f"in {record.bucket}"] if record.bucket else []
    return f"by the ledger it is {' and '.join([*machines, *bucket]) or f'in `{record.place}`'}"


@contextmanager
def fetch_backup(
    desk: Desk, environment: Environment, backup: str, ledger: Ledger
) -> Iterator[tuple[Path, Manifest]]:
    """`fetch_files` of a backup to restore: not one whose last proof failed.

    Raises:
        Refused: there is no such backup, it is damaged, or its last proof failed.
    """
    records = catalog.records(ledger, environment.name)
    record = records.get(backup)
    if record and record.fault:
        raise Refused(
            f"the proof of `{backup}` failed, so it does not restore to its original: {record.fault}",
            f"`invoke backup.list --env {environment.name}` shows the proven ones",
        )
    with fetch_files(desk, environment, backup, records) as fetched:
        if record is None:
            desk.progress.note(
                f"warning: `{backup}` is not recorded in this ledger: its files fit its manifest, and"
                " no other record confirms them;"
                f" `invoke backup.verify {backup} --env {environment.name}` proves it"
            )
        yield fetched


@contextmanager
def fetch_files(
    desk: Desk, environment: Environment, backup: str, records: Mapping[str, BackupRecord] | None = None
) -> Iterator[tuple[Path, Manifest]]:
    """A folder (0700) with the plain files of a backup, each checked, and its manifest; removed at the end.

    From the nearest store that has an intact copy.

    Args:
        environment: the one that the backup is of.
        backup: its id.
        records: the ledger's; if one has this id, the manifest must have its digest.

    Raises:
        BackupFault: every copy differs from the manifest, or the ledger knows of one, and it is gone.
        Unreachable: no store that may have it can be read.
        Refused: there is no such backup, it is on another machine, or the key does not fit.
    """
    wanted = _Wanted(desk, environment, backup, (records or {}).get(backup))
    shelf = read_stores(desk, environment)
    warn_of_unreadable(desk, shelf)
    held = shelf.backups.get(backup, [])
    if not held:
        raise _not_found(wanted, shelf, {*(records or ()), *shelf.backups})
    with folder_store(desk, environment).staging(f"read-{desk.new_id()}") as staging:
        try:
            fetched = wanted.fetch(held, staging)
        except BackupFault as fault:
            for place in shelf.unreadable:  # it may have an intact copy: nothing is proved
                raise Unreachable(f"{fault.message}\n  | {place} can't be read", fault.hint) from None
            raise
        yield fetched


@dataclass(frozen=True)
class _Wanted:
    """A backup to fetch; `record` is what the ledger knows of it."""

    desk: Desk
    environment: Environment
    backup: str
    record: BackupRecord | None

    def fetch(self, held: list[Store], staging: Path) -> tuple[Path, Manifest]:
        """From the first of these stores that has an intact copy."""
        faults: list[DeskError] = []
        for store in held:
            plain = staging / f"plain-{len(faults)}"
            plain.mkdir(mode=0o700)
            try:
                manifest = checked_manifest(store, self.environment.name, self.backup, self.record)
                for name, file in manifest.files.items():
                    self._fetch_file(store, name, file, plain)
            except (BackupFault, Unreachable) as fault:
                faults.append(fault)
                shutil.rmtree(plain)
                if store is not held[-1]:
                    self.desk.progress.note(
                        f"warning: the copy in {store.place} can't be used: {one_line(fault)};"
                        " trying the next one"
                    )
            else:
                return plain, manifest
        raise next((fault for fault in faults if isinstance(fault, Unreachable)), faults[0])

    def _fetch_file(self, store: Store, name: str, file: File, plain: Path) -> None:
        """Bring one file into the folder, decrypted, and compare it with the manifest."""
        target, stored = plain / name, stored_name(name, file)
        if file.encrypted_sha256 is None:
            store.get(self.backup, name, target)
            require_intact(self.backup, name, target, stored_file(file))
            return
        identity, encrypted = _identity(self.desk, self.environment), plain.parent / stored
        encrypted.unlink(missing_ok=True)
        store.get(self.backup, stored, encrypted)
        try:
            actual = File(*encryption.decrypt(encrypted, target, identity))
        except Refused:  # a damaged header looks like one for another key
            require_intact(self.backup, stored, encrypted, stored_file(file))
            raise
        if actual != file:
            require_intact(self.backup, stored, encrypted, stored_file(file))
            require_intact(self.backup, name, target, (file.bytes, file.sha256))
        encrypted.unlink()


def require_intact(backup: str, name: str, file: Path, expected: tuple[int, str]) -> None:
    """Compare a file with the bytes and SHA-256 that it should have.

    Raises:
        BackupFault: they differ.
    """
    actual = encryption.measure(file)
    if actual != expected:
        raise BackupFault(
            f"`{name}` of the backup `{backup}` is damaged: it has {actual[0]} bytes with SHA-256"
            f" `{actual[1][:12]}`, not {expected[0]} with `{expected[1][:12]}`",
            "look for another copy of it; this one proves nothing",
        )


def _not_found(wanted: _Wanted, shelf: Shelf, known: set[str]) -> DeskError:
    """Why no store that can be read has it, and what can be done."""
    desk, backup, record, name = wanted.desk, wanted.backup, wanted.record, wanted.environment.name
    others = f"`invoke backup.list --env {name}` shows the others"
    for place, fault in shelf.unreadable.items():
        why = f"{place} can't be: {fault.message}"
        return Unreachable(f"`{backup}` is in no place that can be read; {why}", fault.hint)
    if record is None:
        listed = f"`invoke backup.list --env {name}` shows them"
        return Refused(f"there is no backup `{backup}` of {name}", f"{guess(backup, known)}{listed}")
    if record.pruned:
        return Refused(f"`{backup}` was pruned", others)
    here = str(folder_store(desk, wanted.environment).folder / backup)
    elsewhere = record.elsewhere(this_machine(desk), here)
    lost = [*([here] if record.machines.get(this_machine(desk)) == here else [])]
    lost += [record.bucket] if record.bucket in {store.place for store in shelf.stores} else []
    if lost:
        hope = f"; `{'`, `'.join(elsewhere)}` may still have it" if elsewhere else ""
        where_ = " and in ".join(lost)
        return BackupFault(
            f"`{backup}` is lost: by the ledger it is in {where_}, and it is not{hope}", others
        )
    if elsewhere:
        return _on_another_machine(wanted, record, elsewhere, Path(here).parent)
    return Refused(f"`{backup}` is in no place that this machine knows; {where(record)}", others)


def _on_another_machine(
    wanted: _Wanted, record: BackupRecord, elsewhere: Mapping[str, str], target: Path
) -> DeskError:
    """It may be copied into the folder `target`, or made anew."""
    backup, again = wanted.backup, f"a new one: `invoke backup --env {wanted.environment.name}`"
    machine, path = next(iter(elsewhere.items()))
    if machine == this_machine(wanted.desk):
        hint = f"copy it: `mkdir -p {target} && cp -r {path} {target}/`; {again}"
        return Refused(f"`{backup}` is in another folder of this machine, `{path}`", hint)
    there = f"run this there, or copy it: `mkdir -p {target} && scp -r {machine}:{path} {target}/`"
    gone = "only the bucket keeps what a CI machine takes"
    return Refused(
        f"`{backup}` is on another machine: {where(record).removeprefix('by the ledger it is ')}",
        f"{gone if machine.endswith(CI) else there}; {again}",
    )


def _identity(desk: Desk, environment: Environment) -> Secret:
    """The secret age key.

    Raises:
        Refused: it is not set.
    """
    text = desk.values(environment).get(IDENTITY)
    if not text:
        raise Refused(
            f"the backups of {environment.name} are encrypted, and `{IDENTITY}` is not set",
            "set the secret age key for this one command: keep it off the machines that take backups",
        )
    return Secret(text)
