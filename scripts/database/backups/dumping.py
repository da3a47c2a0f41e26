"""One dump and the sum of every table, at the same time and in one snapshot."""

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
from scripts.database.postgres import content, dump, throttle
from scripts.database.postgres.programs import Programs, client
from scripts.database.postgres.url import Database
from scripts.errors import Refused
from scripts.system.background import submit
from scripts.system.command import Result
from scripts.system.process import run_in_background

MEGA = 1_000_000
TICK = 10.0  # seconds between two words about a long dump


@dataclass(frozen=True)
class Read:
    """What was read from the server in one snapshot."""

    server: str
    wal: str
    tables: Mapping[str, Table]
    sequences: Mapping[str, int]
    extensions: Mapping[str, str]
    schema: tuple[str, ...]
    versions: tuple[str, ...]


def dumped(desk: Desk, environment: Environment, database: Database, plain: Path) -> tuple[Read, Programs]:
    """The dump and the sums, at the same time and in the same snapshot."""
    rate = desk.settings.backup.rate
    pace = throttle.Pace(rate * MEGA) if rate else None
    with (
        content.opened(database) as reader,
        throttle.opened(database.host, database.port, pace) if pace else nullcontext(0) as port,
    ):
        programs = client(desk, reader.major)
        listed = [each for each in reader.tables() if manifest.has_rows(each.schema, each.name)]
        size = sum(each.bytes for each in listed)
        desk.progress.note(_expected(desk, environment, len(listed), size))
        order = dump.dump(
            programs,
            database,
            plain / manifest.DUMP,
            snapshot=reader.snapshot,
            compress=desk.settings.backup.compress,
            without_rows=manifest.DENIED,
            port=port,
        )
        write(plain / manifest.DUMP, "")  # ours alone from the first: pg_dump would let others read it
        with (
            run_in_background(order) as dumping,
            run_in_background(dump.roles(programs, database)) as roles,
        ):
            submit(_kept_on_disk, plain / manifest.DUMP, dumping)
            sequences, _ = reader.sequences(toc.is_apps)
            schema, extensions = reader.schema(toc.is_apps), reader.extensions()
            tables = {key: Table(*found) for key, found in _summed(reader, listed, pace, dumping)}
            versions = reader.versions()
            _awaited(desk, plain / manifest.DUMP, dumping)
            dump.ended_well(roles.result(), "`pg_dumpall --roles-only`")
        text = dump.with_reserved_as_comments(roles.result().text)
    write(plain / manifest.ROLES, text)
    write(plain / manifest.SCHEMA, json.dumps(schema, indent=0))
    return Read(reader.server, reader.wal, tables, sequences, extensions, schema, versions), programs


def _summed(
    reader: content.Reader,
    listed: list[content.Listed],
    pace: throttle.Pace | None,
    dumping: Future[Result],
) -> Iterator[tuple[str, tuple[int, str, int]]]:
    """The sums, unless the dump has failed meanwhile."""
    for each in reader.checksums(listed, pace):
        if dumping.done():
            dump.ended_well(dumping.result(), "`pg_dump`")
        yield each


def _awaited(desk: Desk, file: Path, dumping: Future[Result]) -> None:
    said = desk.clock()
    while not dumping.done():
        desk.sleep(0.02)
        if desk.clock() - said > TICK:
            said = desk.clock()
            desk.progress.note(f"{words(file.stat().st_size if file.exists() else 0)} are dumped")
    dump.ended_well(dumping.result(), "`pg_dump`")


def _kept_on_disk(file: Path, dumping: Future[Result]) -> None:
    """Sync the file while it grows, so that little is left to wait for at the end."""
    with suppress(OSError):
        while not dumping.done():
            with suppress(TimeoutError):
                dumping.exception(timeout=0.5)
            if file.exists() and not dumping.done():
                number = os.open(file, os.O_RDONLY)
                try:
                    os.fdatasync(number)
                finally:
                    os.close(number)


def _expected(desk: Desk, environment: Environment, tables: int, size: int) -> str:
    """What is to come, by what the last one took."""
    home = storage.folder(desk, environment)
    took = ""
    for each in reversed(home.ids()):
        with suppress(Refused, ValueError):
            last = manifest.read(home.manifest(each))
            took = f"; the last one held {words(sum(each.bytes for each in last.tables.values()))}"
            took += f", {last.started[11:19]} to {last.finished[11:19]}"
            break
    rate = desk.settings.backup.rate
    least = f", at {rate} MB/s at least {2 * size / rate / MEGA:.0f} s" if rate else ""
    return f"dumping {tables} tables, {words(size)}{least}{took}"


def write(file: Path, text: str) -> None:
    """A file of our own alone."""
    with encryption.opened_new(file) as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))


def words(count: float) -> str:
    """`1.3 GB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
