"""Taking a backup: one dump and the sums of every table in one snapshot, then sealed, stored and shown."""

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
from scripts.database.backups import encryption, storage, toc, workplace
from scripts.database.backups import manifest as backups_manifest
from scripts.database.backups.dumping import Read, dumped, write
from scripts.database.backups.manifest import File, Kind, Manifest
from scripts.database.backups.store import Store, sync
from scripts.database.migrations.files import migrations_of
from scripts.database.postgres import dump
from scripts.database.postgres.client import Postgres, configured_database
from scripts.database.postgres.programs import Programs
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Refused
from scripts.state.ledger import Event
from scripts.system.background import submit

WAIT_FOR_LOCK = 30.0  # seconds that a migration or another backup may take before we give up


@dataclass(frozen=True)
class Taken:
    """A backup that is stored and shown; `plain` holds its files until the context ends.

    Args:
        path: where it lies on this machine.
        seconds: what the dump and all else until it was shown took.
    """

    manifest: Manifest
    plain: Path
    path: Path
    seconds: float


@contextmanager
def taken(desk: Desk, environment: Environment, kind: Kind, live: Event | None) -> Iterator[Taken]:
    """Dump, check, seal, store; `live` is the release that is live by the ledger.

    Raises:
        Refused: no database, no fitting pg_dump, or an entry that no restore list knows.
        Locked: a migration or another backup is under way.
        CommandFailed, Unreachable: it failed; nothing is visible of it.
    """
    database, far = _ready(desk, environment)
    started, began = desk.now(), desk.clock()
    name = backups_manifest.backup_id(started, live.commit if live else "", kind, desk.new_id())
    home = storage.folder(desk, environment)
    with workplace.opened(home.folder, name) as work:
        plain, sealed = work / "plain", work / "archive"
        plain.mkdir(mode=0o700)
        sealed.mkdir(mode=0o700)
        with Postgres(database).exclusive(WAIT_FOR_LOCK, "backup") as sure:
            read, programs = dumped(desk, environment, database, plain)
            sure()
        lists = _checked(programs, plain, read)
        document = Manifest(
            id=name,
            environment=environment.name,
            kind=kind,
            started=started,
            finished=desk.now(),
            client=programs.version,
            files=_sealed(desk, plain, sealed),
            left_out=backups_manifest.left_out(lists),
            recipients=desk.settings.backup.recipients,
            **_origin(desk, database, live, read),
        )
        names, text = sorted(each.name for each in sealed.iterdir()), document.text().encode()
        home.put(name, sealed, names, text)
        if far:
            desk.progress.note(f"storing it in {far.place}")
            far.put(name, home.folder / name, names, text)
        yield Taken(document, plain, home.folder / name, desk.clock() - began)


def _ready(desk: Desk, environment: Environment) -> tuple[Database, Store | None]:
    """The database and the far place, if all is said that has to be."""
    database, recipients = configured_database(desk, environment), desk.settings.backup.recipients
    if database is None:
        raise Refused(
            f"{environment.name} has no database", "`database = false` says so in `pipeline.toml`"
        )
    if recipients:
        encryption.check_recipients(recipients)
    far = storage.bucket(desk, environment)
    if far and not recipients:
        raise Refused(
            "a backup leaves this machine only encrypted: `backup.recipients` is empty",
            "`age-keygen` makes a key; its public half (`age1...`) goes into `pipeline.toml`",
        )
    return database, far


def _origin(desk: Desk, database: Database, live: Event | None, read: Read) -> dict[str, Any]:
    """What a manifest says of the database, the release that was live on it, and what it held."""
    commit = live.commit if live else ""
    return {
        "project": desk.settings.app.name,
        "host": database.host,
        "database": database.name,
        "release": live.release if live else "",
        "commit": commit,
        "migrations": _migrations(desk, commit, read.versions),
        "server": read.server,
        "wal": read.wal,
        "tables": read.tables,
        "sequences": read.sequences,
        "extensions": read.extensions,
        "schema_hash": hashlib.sha256("\n".join(read.schema).encode()).hexdigest(),
    }


def _checked(programs: Programs, plain: Path, read: Read) -> toc.Lists:
    """Every entry has its list, and every table its rows; then the lists stand beside the dump.

    Raises:
        Refused: something would be forgotten by a restore.
    """
    lists = toc.sort(toc.entries(dump.listing(programs, plain / backups_manifest.DUMP)))
    if lists.unknown:
        named = "".join(f"\n  | {each}" for each in lists.unknown[:12])
        raise Refused(
            f"the dump holds {len(lists.unknown)} entries that no restore knows what to do with:{named}",
            "say in `scripts/database/backups/toc.py` where such an entry belongs",
        )
    lost = backups_manifest.forgotten(lists, list(read.tables))
    if lost:
        raise CommandFailed(f"the dump is not whole: it lacks the rows of {', '.join(lost[:12])}")
    named_lists = {
        "app": lists.app, "users": lists.users, "extras": lists.extras, "database": lists.database,
    }  # fmt: skip
    document = {name: [each.line for each in found] for name, found in named_lists.items()}
    document["left_out"] = [f"{each.entry.line} -- {each.why}" for each in lists.left_out]
    write(plain / backups_manifest.LISTS, json.dumps(document, indent=0))
    chosen = toc.text((*lists.database, *lists.extras))
    write(
        plain / backups_manifest.EXTRAS, dump.as_sql(programs, plain / backups_manifest.DUMP, chosen, plain)
    )
    return lists


def _migrations(desk: Desk, commit: str, versions: tuple[str, ...]) -> dict[str, str]:
    """Each applied version with the SHA-256 of its file in the commit that is live, "" without one."""
    files = {each.version: each.sql for each in migrations_of(desk, commit)} if commit else {}
    return {
        version: hashlib.sha256(files[version].encode("utf-8", "surrogateescape")).hexdigest()
        if version in files
        else ""
        for version in versions
    }


def _sealed(desk: Desk, plain: Path, target: Path) -> dict[str, File]:
    """Each file, encrypted where there is somebody to encrypt it for; on the disk, and measured."""
    recipients = desk.settings.backup.recipients
    files = {}
    for name in backups_manifest.NAMES:
        if recipients:
            files[name] = File(
                *encryption.seal(plain / name, target / f"{name}{backups_manifest.SEALED}", recipients)
            )
        else:
            os.link(plain / name, target / name)
            synced = submit(sync, target / name)
            files[name] = File(*encryption.measured(plain / name))
            synced.result()
    return files
