"""One dump and the checksum of every table, at the same time and in the same snapshot."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import encryption, manifest, storage, toc
from scripts.database.backups.manifest import Table
from scripts.database.postgres import dump
from scripts.database.postgres.content import SnapshotReader, TableSize, read_snapshot
from scripts.database.postgres.names import LARGE_OBJECTS
from scripts.database.postgres.programs import Programs, programs_for
from scripts.database.postgres.throttle import RateLimit, throttled_proxy
from scripts.database.postgres.url import Database
from scripts.errors import Refused
from scripts.system.background import submit
from scripts.system.command import Result
from scripts.system.process import run_in_background
from scripts.system.text import listed

MEGA = 1_000_000
SHOWN = 8  # objects that a message names
LOOK = 0.5  # seconds between two looks at how far a dump is
LIKE = 4  # times that the last dump may have been smaller, or larger, to tell of this one
STEPS = ("backup", "safety")  # the steps in which a dump is made


@dataclass(frozen=True)
class Snapshot:
    """What was read from the server in the dump's snapshot; the fields are the manifest's."""

    server: str
    wal: str
    tables: Mapping[str, Table]
    sequences: Mapping[str, int]
    extensions: Mapping[str, str]
    schema: tuple[str, ...]
    versions: tuple[str, ...]


def dump_database(
    desk: Desk, environment: Environment, database: Database, folder: Path
) -> tuple[Snapshot, Programs]:
    """Write the dump, the roles and the schema's lines into a folder.

    Raises:
        Refused: there is no fitting pg_dump.
        CommandFailed, Unreachable: the dump or the reading failed.
    """
    file, rate = folder / manifest.DUMP, desk.settings.backup.rate
    limit = RateLimit(rate * MEGA) if rate else None
    with (
        read_snapshot(database) as reader,
        throttled_proxy(database.host, database.port, limit) if limit else nullcontext(0) as port,
    ):
        _require_restorable(reader, database)
        programs = programs_for(desk, reader.major)
        command = dump.dump_command(
            programs,
            database,
            file,
            snapshot=reader.snapshot,
            compress=desk.settings.backup.compress,
            without_rows=manifest.DENIED,
            port=port,
        )
        tables = [table for table in reader.tables() if manifest.restores_rows(table.schema, table.name)]
        write_private(file, "")  # pg_dump itself would let others read it
        with (
            run_in_background(command) as dumping,
            run_in_background(dump.roles_command(programs, database)) as roles,
        ):
            submit(_sync_while, dumping, file)
            submit(_show_while, desk, dumping, file, _announce(desk, environment, tables))
            snapshot = _read(reader, tables, limit, dumping)
            dump.require_clean(dumping.result(), "`pg_dump`")
            dump.require_clean(roles.result(), "`pg_dumpall --roles-only`")
    write_private(folder / manifest.ROLES, dump.with_reserved_as_comments(roles.result().text))
    write_private(folder / manifest.SCHEMA, json.dumps(snapshot.schema, indent=0))
    return snapshot, programs


def _require_restorable(reader: SnapshotReader, database: Database) -> None:
    """Refuse a backup that this user could not restore.

    Raises:
        Refused: it owns too little; the objects are named, with what fixes each.
    """
    found = reader.unrestorable(toc.is_app_schema)
    if found:
        reasons = [f"{each.what} {each.why}" for each in found]
        fixes = dict.fromkeys(f"`{each.fix}`" for each in found[:SHOWN])
        raise Refused(
            f"`{database.user}` could not restore a backup of this:{listed(reasons, SHOWN)}",
            f"as their owner or a superuser: {'; '.join(fixes)}",
        )


def _read(
    reader: SnapshotReader, tables: list[TableSize], limit: RateLimit | None, dumping: Future[Result]
) -> Snapshot:
    sequences, _ = reader.sequences(toc.is_app_schema)
    return Snapshot(
        server=reader.server,
        wal=reader.wal,
        sequences=sequences,
        extensions=reader.extensions(),
        schema=reader.schema(toc.is_app_schema),
        tables={key: Table(*sums) for key, sums in _checksums(reader, tables, limit, dumping)},
        versions=reader.versions(),
    )


def _checksums(
    reader: SnapshotReader, tables: list[TableSize], limit: RateLimit | None, dumping: Future[Result]
) -> Iterator[tuple[str, tuple[int, str, int]]]:
    """The checksums; stops as soon as the dump has failed."""
    for sums in reader.checksums(tables, limit):
        if dumping.done():
            dump.require_clean(dumping.result(), "`pg_dump`")
        yield sums
    large_objects = reader.large_objects()
    if large_objects:
        yield LARGE_OBJECTS, large_objects


def _show_while(desk: Desk, dumping: Future[Result], file: Path, expected: int) -> None:
    """Show how much is dumped, of as many bytes as are expected."""
    while not dumping.done():
        with suppress(OSError):
            size = file.stat().st_size
            of = f" of about {readable_size(expected)}" if expected else ""
            desk.progress.advance(size, expected, f"{readable_size(size)}{of} dumped", *STEPS)
        with suppress(TimeoutError):
            dumping.exception(timeout=LOOK)
    desk.progress.advance(0, 0, "dumped; it is checked and stored", *STEPS)


def _sync_while(dumping: Future[Result], file: Path) -> None:
    """Flush the file to the disk while it grows, so that little is left to flush at the end."""
    with suppress(OSError):
        while not dumping.done():
            with suppress(TimeoutError):
                dumping.exception(timeout=0.5)
            if file.exists() and not dumping.done():
                descriptor = os.open(file, os.O_RDONLY)
                try:
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)


def _last_one(desk: Desk, environment: Environment) -> manifest.Manifest | None:
    """The manifest of the newest backup in this machine's folder; None: there is none."""
    store = storage.folder_store(desk, environment)
    for backup in reversed(store.ids()):
        with suppress(Refused, ValueError):
            return manifest.parse_manifest(store.manifest(backup))
    return None


def _expected_bytes(tables: list[TableSize], last: manifest.Manifest | None) -> int:
    """The bytes that a dump of these tables may have, by the last one; 0: nobody knows."""
    dump = last.files.get(manifest.DUMP) if last else None
    before = sum(table.bytes for table in last.tables.values()) if last else 0
    now = sum(table.bytes for table in tables)
    if dump is None or not before or now > LIKE * before or before > LIKE * now:
        return 0
    return int(dump.bytes * now / before)


def _announce(desk: Desk, environment: Environment, tables: list[TableSize]) -> int:
    """Say how much is dumped; returns the bytes that the dump may have, 0 if nobody knows."""
    last = _last_one(desk, environment)
    desk.progress.note(_announcement(desk, tables, last))
    return _expected_bytes(tables, last)


def _announcement(desk: Desk, tables: list[TableSize], last: manifest.Manifest | None) -> str:
    """How much is dumped, and how long the last backup took."""
    size = sum(table.bytes for table in tables)
    last_one = ""
    if last:
        last_size = sum(table.bytes for table in last.tables.values())
        last_one = f"; the last one: {readable_size(last_size)}"
        last_one += f", {last.started[11:19]} to {last.finished[11:19]}"
    rate = desk.settings.backup.rate
    least = f", at {rate} MB/s at least {2 * size / rate / MEGA:.0f} s" if rate else ""
    return f"dumping {len(tables)} tables, {readable_size(size)}{least}{last_one}"


def write_private(file: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    with encryption.create_private(file) as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))


def readable_size(count: float) -> str:
    """Bytes as `1.3 GB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
