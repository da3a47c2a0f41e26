"""Create a backup: dump and checksums in one snapshot, check, encrypt, store, manifest last."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import encryption, storage, toc
from scripts.database.backups import manifest as manifests
from scripts.database.backups.dumping import STEPS, Snapshot, dump_database, readable_size, write_private
from scripts.database.backups.manifest import ENCRYPTED, File, Kind, Manifest
from scripts.database.backups.store import Store, sync
from scripts.database.counting import Tell, counting
from scripts.database.migrations.files import migrations_of
from scripts.database.postgres.client import WAIT_FOR_LOCK, Postgres, required_database
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import Programs
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, DeskError, Refused
from scripts.state.ledger import Event
from scripts.system.background import submit

SHOWN = 12  # entries or tables that a message names


@dataclass(frozen=True)
class Backup:
    """A stored backup.

    Args:
        plain: a folder with its unencrypted files, until the context ends.
        path: where it is on this machine; a URL if only the bucket has it.
        seconds: how long the dump and everything up to storing it took.
        machine: this host's name, if its folder has it.
        bucket: the place in the bucket, if that has it.
        new: it was just taken, so the ledger does not know it yet.
    """

    manifest: Manifest
    plain: Path
    path: Path | str
    seconds: float
    machine: str = ""
    bucket: str = ""
    new: bool = True


@contextmanager
def create_backup(desk: Desk, environment: Environment, kind: Kind, live: Event | None) -> Iterator[Backup]:
    """Dump, check, encrypt, store; `live` is the release that is live by the ledger.

    Raises:
        Refused: no database, no fitting pg_dump, or an entry that fits no restore list.
        Locked: a migration or another backup is running.
        CommandFailed, Unreachable: it failed; nothing of it is visible, unless only the bucket was at
            fault: then it is complete on this machine, and the message says so.
    """
    database, bucket = _prerequisites(desk, environment)
    started, began = desk.now(), desk.clock()
    name = manifests.backup_id(started, live.commit if live else "", kind, desk.new_id())
    store = storage.folder_store(desk, environment)
    with store.staging(name) as staging:
        plain, final = staging / "plain", staging / "archive"
        plain.mkdir(mode=0o700)
        final.mkdir(mode=0o700)
        with Postgres(database).exclusive(WAIT_FOR_LOCK, "backup") as lock:
            snapshot, programs = dump_database(desk, environment, database, plain)
            lock.check()
        lists = _write_lists(programs, plain, snapshot)
        document = Manifest(
            id=name,
            environment=environment.name,
            kind=kind,
            started=started,
            finished=desk.now(),
            client=programs.version,
            files=_encrypt_files(desk, plain, final),
            left_out=manifests.left_out(lists),
            recipients=desk.settings.backup.recipients,
            **_origin(desk, database, live, snapshot),
        )
        place = _store(desk, store, bucket, final, document)
        seconds = desk.clock() - began
        yield Backup(
            document, plain, store.folder / name, seconds, machine=storage.this_machine(desk), bucket=place
        )


def _store(desk: Desk, store: Store, bucket: Store | None, final: Path, document: Manifest) -> str:
    """Put the archive into the folder, then into the bucket; returns the bucket's place, "" for none."""
    name, names, text = document.id, sorted(path.name for path in final.iterdir()), document.text().encode()
    store.put(name, final, names, text)
    if bucket is None:
        return ""
    desk.progress.note(f"storing it in {bucket.place}")
    try:
        bucket.put(name, Path(store.place) / name, names, text, tell=_sending(desk, document.bytes))
    except DeskError as fault:
        if document.kind != "presafety":
            raise _only_here(fault, document, store.place, bucket.place) from None
        # a restore may be the emergency itself, and keeps the old schemas as well
        desk.progress.note(
            f"warning: `{name}` is on this machine only, not in {bucket.place}: {fault.message}"
        )
        return ""
    return bucket.place


def _sending(desk: Desk, total: int) -> Tell:
    """Shows how much of the archive is in the bucket."""
    size = readable_size(total)
    return counting(
        desk.progress, total, lambda done: f"{readable_size(done)} of {size} sent to the bucket", *STEPS
    )


def _only_here(fault: DeskError, document: Manifest, folder: str, bucket: str) -> CommandFailed:
    """The error for a backup that could not be brought to the bucket."""
    name, environment = document.id, document.environment
    return CommandFailed(
        f"`{name}` is in `{folder}` on this machine only: it is not in {bucket}, not proven, and not in the"
        f" ledger: {fault.message}",
        f"`invoke backup.verify {name} --env {environment}` proves this copy; once the bucket answers:"
        f" `invoke backup --env {environment}`",
    )


def _prerequisites(desk: Desk, environment: Environment) -> tuple[Database, Store | None]:
    """The database and the bucket, once everything that they need is configured."""
    database, recipients = required_database(desk, environment), desk.settings.backup.recipients
    if recipients:
        encryption.check_recipients(recipients)
    bucket = storage.bucket_store(desk, environment)
    if not bucket and storage.this_machine(desk).endswith(storage.CI):
        desk.progress.note(
            "warning: `backup.bucket` is not set: this backup goes with the CI machine's disk"
        )
    if bucket and not recipients:
        raise Refused(
            "a backup leaves this machine only encrypted: `backup.recipients` is empty",
            "`age-keygen` makes a key; its public half (`age1...`) goes into `pipeline.toml`",
        )
    return database, bucket


def _origin(desk: Desk, database: Database, live: Event | None, snapshot: Snapshot) -> dict[str, Any]:
    """The manifest's facts about the database, the release that was live on it, and its content."""
    commit = live.commit if live else ""
    return {
        "project": desk.settings.app.name,
        "host": database.host,
        "database": database.name,
        "release": live.release if live else "",
        "commit": commit,
        "migrations": _migrations(desk, commit, snapshot.versions),
        "server": snapshot.server,
        "wal": snapshot.wal,
        "tables": snapshot.tables,
        "sequences": snapshot.sequences,
        "extensions": snapshot.extensions,
        "schema_hash": hashlib.sha256("\n".join(snapshot.schema).encode()).hexdigest(),
    }


def _write_lists(programs: Programs, plain: Path, snapshot: Snapshot) -> toc.Lists:
    """Check that every entry has its list and every table its rows; then write the lists beside the dump.

    Raises:
        Refused: an entry fits no list.
        CommandFailed: the dump lacks rows.
    """
    archive = Archive(plain / manifests.DUMP, Path(programs.path("pg_restore")))
    lists = toc.classify(archive.contents())
    if lists.unknown:
        listed = "".join(f"\n  | {entry}" for entry in lists.unknown[:SHOWN])
        raise Refused(
            f"no restore would bring back {len(lists.unknown)} objects:{listed}",
            "a schema of the platform's is no place for them: move them to one of your own"
            " (`alter table auth.mine set schema public`), or drop them",
        )
    incomplete = manifests.without_rows(lists, list(snapshot.tables))
    if incomplete:
        raise CommandFailed(f"the dump lacks the rows of {', '.join(incomplete[:SHOWN])}")
    document = {
        name: [entry.line for entry in getattr(lists, name)]
        for name in ("app", "users", "extras", "database", "large_objects")
    }
    document["left_out"] = [f"{omitted.entry.line} -- {omitted.why}" for omitted in lists.left_out]
    write_private(plain / manifests.LISTS, json.dumps(document, indent=0))
    extras = archive.sql(toc.list_text((*lists.database, *lists.extras)))
    write_private(plain / manifests.EXTRAS, extras.decode("utf-8", "surrogateescape"))
    return lists


def _migrations(desk: Desk, commit: str, versions: tuple[str, ...]) -> dict[str, str]:
    """Each applied version with the SHA-256 of its file in the live commit; "" if it has no file."""
    files = (
        {migration.version: migration.sql for migration in migrations_of(desk, commit)} if commit else {}
    )
    return {
        version: hashlib.sha256(files[version].encode("utf-8", "surrogateescape")).hexdigest()
        if version in files
        else ""
        for version in versions
    }


def _encrypt_files(desk: Desk, plain: Path, target: Path) -> dict[str, File]:
    """Each file of the archive, encrypted if there are recipients; flushed to the disk, and measured."""
    recipients = desk.settings.backup.recipients
    files = {}
    for name in manifests.FILES:
        if recipients:
            files[name] = File(*encryption.encrypt(plain / name, target / f"{name}{ENCRYPTED}", recipients))
        else:
            os.link(plain / name, target / name)
            synced = submit(sync, target / name)
            files[name] = File(*encryption.measure(plain / name))
            synced.result()
    return files
