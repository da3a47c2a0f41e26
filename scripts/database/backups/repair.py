"""Bring an intact copy of a backup to each place that should have one and has not."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import storage
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.copies import checked_manifest, look_at, stored_file, stored_name
from scripts.database.backups.store import Store
from scripts.errors import BackupFault


def repair(desk: Desk, environment: Environment, backup: str, record: BackupRecord | None) -> list[str]:
    """Copy the files as they are, encrypted or not; returns the places that have a new copy.

    The bucket always gets one; this machine's folder if it has a damaged one, or had one by the ledger.

    Raises:
        BackupFault: no copy is intact.
        DeskError: a place can't be read or written.
    """
    shelf, folder = storage.read_stores(desk, environment), storage.folder_store(desk, environment)
    storage.require_readable(shelf)
    states = {
        store: look_at(store, environment.name, backup, record, deep=True).state for store in shelf.stores
    }
    source = next((store for store, state in states.items() if state == "intact"), None)
    if source is None:
        raise BackupFault(
            f"no copy of `{backup}` is intact", f"`invoke backup.list --env {environment.name} --deep`"
        )
    had = (
        record.machines.get(storage.this_machine(desk)) == str(folder.folder / backup) if record else False
    )
    targets = [
        store
        for store, state in states.items()
        if state == "damaged" or (state == "gone" and (had or store.place != folder.place))
    ]
    for store in targets:
        desk.progress.note(f"bringing `{backup}` from {source.place} to {store.place}")
        _copy(desk, environment, backup, record, (source, store))
    return [store.place for store in targets]


def _copy(
    desk: Desk,
    environment: Environment,
    backup: str,
    record: BackupRecord | None,
    stores: tuple[Store, Store],
) -> None:
    """From the first store to the second, which keeps a damaged copy until the new one is complete here."""
    source, target = stores
    manifest = checked_manifest(source, environment.name, backup, record)
    with storage.folder_store(desk, environment).staging(f"repair-{desk.new_id()}") as staging:
        archive = staging / "archive"
        archive.mkdir(mode=0o700)
        names = []
        for name, file in manifest.files.items():
            stored = stored_name(name, file)
            source.get(backup, stored, archive / stored)
            storage.require_intact(backup, stored, archive / stored, stored_file(file))
            names.append(stored)
        text = source.manifest(backup)
        target.remove(backup)
        target.put(backup, archive, names, text)
