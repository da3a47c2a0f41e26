"""Taking a backup: one dump and the sums of every table in one snapshot, then sealed, stored and shown."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.adapters.database import content, dump, relay, sealing, workplace
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.postgres import Postgres
from scripts.adapters.database.programs import Programs
from scripts.domain.database import archive, manifest, toc
from scripts.domain.database.manifest import File, Kind, Manifest, Table
from scripts.domain.release.ledger import Event
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, Refused
from scripts.shell.background import begin
from scripts.shell.command import Result
from scripts.shell.runner import beside
from scripts.workflows.database import places
from scripts.workflows.database.client import client
from scripts.workflows.release.observe import migrations_of
from scripts.workflows.toolbox import Toolbox

WAIT_FOR_LOCK = 30.0  # seconds that a migration or another backup may take before we give up
MEGA = 1_000_000
TICK = 10.0  # seconds between two words about a long dump


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


@contextmanager
def taken(tools: Toolbox, environment: Environment, kind: Kind, live: Event | None) -> Iterator[Taken]:
    """Dump, check, seal, store; `live` is the release that is live by the ledger.

    Raises:
        Refused: no database, no fitting pg_dump, or an entry that no restore list knows.
        Locked: a migration or another backup is under way.
        CommandFailed, Unreachable: it failed; nothing is visible of it.
    """
    database = tools.database(environment)
    if database is None:
        raise Refused(
            f"{environment.name} has no database", "`database = false` says so in `pipeline.toml`"
        )
    sealing.check_recipients(tools.settings.backup.recipients)
    far = places.bucket(tools, environment)
    if far and not tools.settings.backup.recipients:
        raise Refused(
            "a backup leaves this machine only encrypted: `backup.recipients` is empty",
            "`age-keygen` makes a key; its public half (`age1...`) goes into `pipeline.toml`",
        )
    started, began = tools.now(), tools.clock()
    commit = live.commit if live else ""
    name = manifest.backup_id(started, commit, kind, tools.new_id())
    home = places.folder(tools, environment)
    with workplace.opened(home.folder, name) as work:
        plain, sealed = work / "plain", work / "archive"
        plain.mkdir(mode=0o700)
        sealed.mkdir(mode=0o700)
        with Postgres(database).exclusive(WAIT_FOR_LOCK, "backup"):
            read, programs = dumped(tools, environment, database, plain)
        lists = _checked(programs, plain, read)
        document = Manifest(
            id=name,
            environment=environment.name,
            kind=kind,
            project=tools.settings.app.name,
            host=database.host,
            database=database.name,
            started=started,
            finished=tools.now(),
            release=live.release if live else "",
            commit=commit,
            migrations=_migrations(tools, commit, read.versions),
            server=read.server,
            client=programs.version,
            wal=read.wal,
            tables=read.tables,
            sequences=read.sequences,
            extensions=read.extensions,
            schema_hash=hashlib.sha256("\n".join(read.schema).encode()).hexdigest(),
            files=_sealed(tools, plain, sealed),
            left_out=archive.left_out(lists),
            recipients=tools.settings.backup.recipients,
        )
        names = sorted(each.name for each in sealed.iterdir())
        home.put(name, sealed, names, document.text().encode())
        if far:
            tools.progress.note(f"storing it in {far.place}")
            far.put(name, home.folder / name, names, document.text().encode())
        yield Taken(document, plain, home.folder / name, tools.clock() - began)


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
        _write(plain / archive.DUMP, "")  # ours alone from the first: pg_dump would let others read it
        with beside(order) as dumping, beside(dump.roles(programs, database)) as roles:
            begin(_kept_on_disk, plain / archive.DUMP, dumping)
            sequences, _ = reader.sequences(toc.is_apps)
            schema, extensions = reader.schema(toc.is_apps), reader.extensions()
            tables = {key: Table(*found) for key, found in _summed(reader, listed, pace, dumping)}
            versions = reader.versions()
            _awaited(tools, plain / archive.DUMP, dumping)
            dump.ended_well(roles.result(), "`pg_dumpall --roles-only`")
        text = dump.with_reserved_as_comments(roles.result().text)
    _write(plain / archive.ROLES, text)
    _write(plain / archive.SCHEMA, json.dumps(schema, indent=0))
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


def _checked(programs: Programs, plain: Path, read: Read) -> toc.Lists:
    """Every entry has its list, and every table its rows; then the lists stand beside the dump.

    Raises:
        Refused: something would be forgotten by a restore.
    """
    lists = toc.sort(toc.entries(dump.listing(programs, plain / archive.DUMP)))
    if lists.unknown:
        named = "".join(f"\n  | {each}" for each in lists.unknown[:12])
        raise Refused(
            f"the dump holds {len(lists.unknown)} entries that no restore knows what to do with:{named}",
            "say in `scripts/domain/database/toc.py` where such an entry belongs",
        )
    lost = archive.forgotten(lists, list(read.tables))
    if lost:
        raise CommandFailed(f"the dump is not whole: it lacks the rows of {', '.join(lost[:12])}")
    named_lists = {
        "app": lists.app, "users": lists.users, "extras": lists.extras, "database": lists.database,
    }  # fmt: skip
    document = {name: [each.line for each in found] for name, found in named_lists.items()}
    document["left_out"] = [f"{each.entry.line} -- {each.why}" for each in lists.left_out]
    _write(plain / archive.LISTS, json.dumps(document, indent=0))
    chosen = toc.text((*lists.database, *lists.extras))
    _write(plain / archive.EXTRAS, dump.as_sql(programs, plain / archive.DUMP, chosen, plain))
    return lists


def _migrations(tools: Toolbox, commit: str, versions: tuple[str, ...]) -> dict[str, str]:
    """Each applied version with the SHA-256 of its file in the commit that is live, "" without one."""
    files = {each.version: each.sql for each in migrations_of(tools, commit)} if commit else {}
    return {
        version: hashlib.sha256(files[version].encode("utf-8", "surrogateescape")).hexdigest()
        if version in files
        else ""
        for version in versions
    }


def _sealed(tools: Toolbox, plain: Path, target: Path) -> dict[str, File]:
    """Each file, encrypted where there is somebody to encrypt it for; on the disk, and measured."""
    recipients = tools.settings.backup.recipients
    files = {}
    for name in archive.NAMES:
        if recipients:
            files[name] = File(*sealing.seal(plain / name, target / f"{name}{archive.SEALED}", recipients))
        else:
            os.link(plain / name, target / name)
            synced = begin(_synced, target / name)
            files[name] = File(*sealing.measured(plain / name))
            synced.result()
    return files


def _synced(file: Path) -> None:
    from scripts.adapters.database.store import sync

    sync(file)


def _write(file: Path, text: str) -> None:
    with sealing.opened_new(file) as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))


def words(count: float) -> str:
    """`1.3 GB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
