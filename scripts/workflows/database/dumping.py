"""One dump and the sum of every table, at the same time and in one snapshot."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.adapters.database import content, dump, relay, sealing
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.programs import Programs
from scripts.domain.database import archive, manifest, toc
from scripts.domain.database.manifest import Table
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.shell.background import begin
from scripts.shell.command import Result
from scripts.shell.runner import beside
from scripts.workflows.database import places
from scripts.workflows.database.client import client
from scripts.workflows.toolbox import Toolbox

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


def dumped(
    tools: Toolbox, environment: Environment, database: Database, plain: Path
) -> tuple[Read, Programs]:
    """The dump and the sums, at the same time and in the same snapshot."""
    rate = tools.settings.backup.rate
    pace = relay.Pace(rate * MEGA) if rate else None
    with (
        content.opened(database) as reader,
        relay.opened(database.host, database.port, pace) if pace else nullcontext(0) as port,
    ):
        programs = client(tools, reader.major)
        listed = [each for each in reader.tables() if archive.has_rows(each.schema, each.name)]
        size = sum(each.bytes for each in listed)
        tools.progress.note(_expected(tools, environment, len(listed), size))
        order = dump.dump(
            programs,
            database,
            plain / archive.DUMP,
            snapshot=reader.snapshot,
            compress=tools.settings.backup.compress,
            without_rows=archive.DENIED,
            port=port,
        )
        write(plain / archive.DUMP, "")  # ours alone from the first: pg_dump would let others read it
        with beside(order) as dumping, beside(dump.roles(programs, database)) as roles:
            begin(_kept_on_disk, plain / archive.DUMP, dumping)
            sequences, _ = reader.sequences(toc.is_apps)
            schema, extensions = reader.schema(toc.is_apps), reader.extensions()
            tables = {key: Table(*found) for key, found in _summed(reader, listed, pace, dumping)}
            versions = reader.versions()
            _awaited(tools, plain / archive.DUMP, dumping)
            dump.ended_well(roles.result(), "`pg_dumpall --roles-only`")
        text = dump.with_reserved_as_comments(roles.result().text)
    write(plain / archive.ROLES, text)
    write(plain / archive.SCHEMA, json.dumps(schema, indent=0))
    return Read(reader.server, reader.wal, tables, sequences, extensions, schema, versions), programs


def _summed(
    reader: content.Reader, listed: list[content.Listed], pace: relay.Pace | None, dumping: Future[Result]
) -> Iterator[tuple[str, tuple[int, str, int]]]:
    """The sums, unless the dump has failed meanwhile."""
    for each in reader.checksums(listed, pace):
        if dumping.done():
            dump.ended_well(dumping.result(), "`pg_dump`")
        yield each


def _awaited(tools: Toolbox, file: Path, dumping: Future[Result]) -> None:
    said = tools.clock()
    while not dumping.done():
        tools.sleep(0.02)
        if tools.clock() - said > TICK:
            said = tools.clock()
            tools.progress.note(f"{words(file.stat().st_size if file.exists() else 0)} are dumped")
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


def _expected(tools: Toolbox, environment: Environment, tables: int, size: int) -> str:
    """What is to come, by what the last one took."""
    home = places.folder(tools, environment)
    took = ""
    for each in reversed(home.ids()):
        with suppress(Refused, ValueError):
            last = manifest.read(home.manifest(each))
            took = f"; the last one held {words(sum(each.bytes for each in last.tables.values()))}"
            took += f", {last.started[11:19]} to {last.finished[11:19]}"
            break
    rate = tools.settings.backup.rate
    least = f", at {rate} MB/s at least {2 * size / rate / MEGA:.0f} s" if rate else ""
    return f"dumping {tables} tables, {words(size)}{least}{took}"


def write(file: Path, text: str) -> None:
    """A file of our own alone."""
    with sealing.opened_new(file) as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))


def words(count: float) -> str:
    """`1.3 GB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
