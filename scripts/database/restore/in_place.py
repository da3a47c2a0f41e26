"""Restore a backup's app schemas into a live database in one transaction: all, compared, or none."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database import counting as progress
from scripts.database.backups import equality, toc
from scripts.database.backups import manifest as backups_manifest
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres import catalogue, scratch
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import LOCK_KEY, required_database, session
from scripts.database.postgres.content import Content, SnapshotReader
from scripts.database.postgres.names import LARGE_OBJECTS, split_key
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import programs_for
from scripts.database.postgres.trouble import trouble_of
from scripts.database.postgres.url import Database
from scripts.database.restore import counts as counting
from scripts.database.restore import kept as records
from scripts.database.restore import outside_schemas, swap_schemas
from scripts.database.restore import plan as restore_plan
from scripts.database.restore.kept import Kept
from scripts.database.restore.plan import Counts, RestorePlan
from scripts.database.restore.swap_schemas import ArchiveParts, SchemaSwap
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Refused, Unreachable
from scripts.system import signals
from scripts.system.process import quoted_lines
from scripts.system.text import listed

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

T = TypeVar("T")
Step = Callable[[str, str], AbstractContextManager[None]]  # (name, detail)
BeforeCommit = Callable[["psycopg.Connection[Any]"], None]
Tell = Callable[[Counts], Mapping[str, Any]]
STATISTICS = (
    "`analyze` in the database makes its first queries quick; the server does so itself before long"
)
RECONNECT_WITHIN = 60.0  # seconds for a server that went away to come back
RETRY_EVERY = 0.5  # seconds
SHOWN = 8  # lines of a message
# the reader's own setting spares a server that people use; here writers wait until the sums are there
PARALLEL = "set local max_parallel_workers_per_gather = 2"


@dataclass(frozen=True)
class Source:
    """The backup to restore, decrypted and checked.

    Args:
        lists: the archive's entries, sorted by what a restore does with them.
        schema: the schema's lines.
    """

    manifest: Manifest
    archive: Archive
    lists: toc.Lists
    schema: tuple[str, ...]


def open_source(desk: Desk, folder: Path, manifest: Manifest, server_major: int) -> Source:
    """Open the backup in a folder, for a server of that major version.

    Raises:
        Refused: it holds entries that no restore knows, or no program here can read it.
    """
    major = max(server_major, int(manifest.server.partition(".")[0]))
    archive = Archive(folder / backups_manifest.DUMP, programs_for(desk, major).folder / "pg_restore")
    lists = toc.classify(archive.contents())
    if lists.unknown:
        unknown = [str(entry) for entry in lists.unknown]
        raise Refused(f"`{manifest.id}` holds what no restore knows:{listed(unknown, SHOWN)}")
    schema = tuple(json.loads((folder / backups_manifest.SCHEMA).read_text()))
    if manifest.policy is not None:  # no rule masks a large object: they are never copied
        lists = dataclasses.replace(lists, large_objects=())
        schema = tuple(line for line in schema if "large object " not in line.partition(": ")[0])
    return Source(manifest, archive, lists, schema)


def restore(
    desk: Desk,
    environment: Environment,
    source: Source,
    plan: RestorePlan,
    *,
    run: str,
    step: Step,
    before_commit: BeforeCommit | None = None,
    tell: Tell | None = None,
    final: bool = True,
) -> Mapping[str, Any]:
    """Restore, compare and commit; `before_commit` works in the same transaction.

    Args:
        run: part of the old schemas' names.
        tell: makes the document that is kept with the old schemas, and returned, of what was counted.
        final: after the commit the run only records it, which no signal may prevent.

    Raises:
        CommandFailed: nothing was changed, and why.
        LiveUnknown: the server went away during the commit, and did not come back.
    """
    parts = _parts_of(source, plan, scratch.installed_objects(required_database(desk, environment)))

    def work(connection: Connection) -> Mapping[str, Any]:
        swap = SchemaSwap(connection, toc.is_app_schema, run)
        with step("hold", "writers wait from here on, readers go on"):
            schemas = hold(connection, swap, desk.settings.supabase.lock_timeout)
        with step("restore", f"`{source.manifest.id}`, while the live schemas are kept under other names"):
            kept = _replace(connection, swap, source, parts, schemas, tell=_telling(desk, source))
        with step("compare", "rows, checksums, sequences and schema with the manifest"):
            _compare(connection, source)
        if before_commit:
            before_commit(connection)
        kept = _counted(connection, kept, tell, step) if tell else kept
        records.write(connection, kept)
        return kept.outcome

    return switch(desk, environment, work, run=run, step=step, final=final) or {}


def _counted(connection: Connection, kept: Kept, tell: Tell, step: Step) -> Kept:
    with step("count", "rows that are live no longer"):
        counts = counting.count(SnapshotReader.within(connection), kept.schemas)
    return dataclasses.replace(kept, sums=counts.now, outcome=tell(counts))


def rehearse(
    desk: Desk,
    environment: Environment,
    source: Source,
    plan: RestorePlan,
    *,
    run: str,
    before_commit: BeforeCommit | None = None,
    way_back: Callable[[Connection, Kept], None],
) -> None:
    """Restore, work and compare in a transaction that is rolled back, while writers of the app's go on.

    `way_back` is the last that is done in it, with the record of what would be kept.

    Raises:
        CommandFailed: it would fail, and why.
    """
    import psycopg

    database = required_database(desk, environment)
    parts = _parts_of(source, plan, scratch.installed_objects(database))
    with session(database) as connection:
        try:
            connection.execute("begin isolation level repeatable read")
            swap = SchemaSwap(connection, toc.is_app_schema, run)
            schemas = hold(connection, swap, desk.settings.supabase.lock_timeout, writers=False)
            kept = _replace(connection, swap, source, parts, schemas)
            _compare(connection, source)
            if before_commit:
                before_commit(connection)
            connection.execute("set constraints all immediate")
            way_back(connection, kept)
            connection.execute("rollback")
        except psycopg.Error as error:
            raise _rolled_back(error) from None


def hold(
    connection: Connection, swap: SchemaSwap, timeout: float, *, writers: bool = True
) -> tuple[str, ...]:
    """Keep migrations and writers out; returns the app's schemas. `timeout` in seconds.

    Raises:
        CommandFailed: a table is busy, or a schema can't be renamed.
    """
    connection.execute(f"set local lock_timeout = {int(timeout * 1000)}")
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [LOCK_KEY])
    return swap.lock(timeout, writers=writers)


def switch(
    desk: Desk,
    environment: Environment,
    work: Callable[[Connection], T],
    *,
    run: str,
    step: Step,
    final: bool = True,
    committed_without: str = "",
) -> T | None:
    """Do the work in one transaction, and commit it; None if it is known only that it was committed.

    It was if old schemas of the run exist, or none whose name begins with `committed_without`.

    Raises:
        CommandFailed: nothing was changed, and why.
        LiveUnknown: the server went away during the commit, and did not come back.
    """
    import psycopg

    database = required_database(desk, environment)
    result: T | None = None
    try:
        with session(database) as connection:
            try:
                connection.execute("begin")
                result = work(connection)
            except psycopg.Error as error:
                raise _rolled_back(error) from None
            with step("switch", "commit: from here on the app sees the other data"):
                if final:
                    signals.ignore()  # an interruption comes too late
                with signals.deferred():
                    connection.execute("commit")
    except Unreachable as error:
        if not has_committed(desk, database, run, without=committed_without):
            raise CommandFailed(f"{error.message}\n  | nothing was changed", error.hint) from None
    return result


def has_committed(desk: Desk, database: Database, run: str, *, without: str = "") -> bool:
    """Whether the run's restore was committed, which only the server can tell.

    It was if old schemas of the run exist; or, where `without` is given, none whose name begins with that.

    Raises:
        LiveUnknown: the server does not come back.
    """

    def old_schemas_exist() -> bool:
        with session(database) as connection:
            names = [schema.name for schema in swap_schemas.old_schemas(connection)]
        gone = bool(without) and not any(name.startswith(without) for name in names)
        return gone or any(name.startswith(f"{OLD_SCHEMA_PREFIX}{run}_") for name in names)

    try:
        return retry_while_away(desk, old_schemas_exist)
    except Unreachable as error:
        raise LiveUnknown(
            f"it is not known whether the restore was committed: {error.message}",
            "when the server is back: `invoke resume --env ENV`; `invoke lock.show` names the environment",
            resumable=True,
        ) from None


def retry_while_away(desk: Desk, work: Callable[[], T]) -> T:
    """Repeat the work while the server can't be reached: it may be restarting.

    Raises:
        Unreachable: it did not come back within `RECONNECT_WITHIN`, or refused.
    """
    import psycopg

    deadline = desk.clock() + RECONNECT_WITHIN
    while True:
        try:
            return work()
        except Unreachable as error:
            away = isinstance(error.__context__, psycopg.OperationalError)
            if not away or desk.clock() > deadline:
                raise
            desk.sleep(RETRY_EVERY)


def analyze(desk: Desk, environment: Environment, source: Source) -> None:
    """Collect statistics: new tables have none, and their first queries would be slow."""
    analyze_tables(desk, environment, source.lists.tables)


def analyze_tables(desk: Desk, environment: Environment, tables: Collection[str]) -> None:
    """Collect the statistics of some tables, by `schema.table`."""
    from psycopg import sql

    def work() -> None:
        with session(required_database(desk, environment)) as connection:
            for table in tables:
                connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*split_key(table))))

    retry_while_away(desk, work)


def _telling(desk: Desk, source: Source) -> Callable[[bytes], object]:
    """Shows how many of the rows of the app's tables are restored."""
    tables = source.manifest.tables
    total = sum(tables[key].rows for key in source.lists.tables if key in tables)
    tell = progress.rows(desk.progress, total, "restored")
    return lambda block: tell(progress.rows_in(block))


def _replace(
    connection: Connection,
    swap: SchemaSwap,
    source: Source,
    parts: ArchiveParts,
    schemas: tuple[str, ...],
    *,
    tell: Callable[[bytes], object] = len,
) -> Kept:
    """Rename the live schemas, and restore the backup's; returns the record of what is kept."""
    what = f"until the restore of {source.manifest.id}"
    lines = catalogue.proof_lines(connection, toc.is_app_schema)
    kept = records.observe(connection, swap.run, what, schemas, lines)
    swap.rename(schemas, f"{what}, run {swap.run}")
    outside_schemas.clear(connection, source.lists)
    swap.fill(source.archive, parts, tell)
    triggers = [source.archive.sql(trigger) for trigger in parts.triggers]
    swap.attach(triggers, [source.archive.sql(parts.after)] if parts.after else [], schemas)
    outside_schemas.bring_back(connection, source.archive, source.lists, source.manifest)
    connection.execute("notify pgrst, 'reload schema'")
    return kept


def _compare(connection: Connection, source: Source) -> None:
    reader = SnapshotReader.within(connection)
    connection.execute(PARALLEL)
    names = {*source.lists.tables, *source.lists.views}
    tables = [table for table in reader.tables() if table.key in names]
    found = dict(reader.checksums(tables))
    expected = {name: (table.rows, table.checksum) for name, table in source.manifest.tables.items()}
    large_objects = reader.large_objects(outside_schemas.large_object_ids(source.lists.large_objects))
    found |= {LARGE_OBJECTS: large_objects} if large_objects else {}
    sequences, descending = reader.sequences(toc.is_app_schema)
    differences = equality.differences(
        restore_plan.app_part(source.manifest, source.lists),
        restore_plan.comparable_schema(source.schema),
        Content(
            tables=found,
            sequences=sequences,
            descending=descending,
            extensions={},
            schema=restore_plan.without_newer(reader.schema(toc.is_app_schema), source.schema),
            computed=reader.computed(tables, found, expected),
            major=reader.major,
        ),
    )
    if differences:
        raise CommandFailed(
            f"what was restored is not the backup; nothing was changed{listed(differences, SHOWN)}"
        )


def _rolled_back(error: psycopg.Error) -> DeskError:
    """The error that follows from the server's; the server has rolled everything back."""
    import psycopg

    details = quoted_lines(str(error))
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return CommandFailed(f"the database is busy; nothing was changed{details}", "try again")
    trouble = trouble_of(str(error), error.sqlstate)
    if trouble is not None:
        return CommandFailed(f"the database {trouble.state}; nothing was changed{details}", trouble.hint)
    return CommandFailed(f"the backup can't be restored here; nothing was changed{details}")


def _parts_of(source: Source, plan: RestorePlan, installed: frozenset[str]) -> ArchiveParts:
    """Which entries go where, given the objects outside schemas that the database has already."""
    lists = source.lists
    missing = {entry for entry in lists.database if not toc.exists(entry, installed)}
    missing -= {entry for entry in missing if _extension_of(entry) in plan.unavailable}
    triggers = [entry for entry in lists.extras if entry.kind == "TRIGGER"]
    after = [entry for entry in lists.extras if entry not in triggers]
    accounts = [entry for entry in lists.users if (entry.schema, entry.tag) in toc.ACCOUNTS]
    app = set(lists.app)
    deleted = plan.accounts is not None and plan.accounts.deleted
    return ArchiveParts(
        app=toc.list_text(entry for entry in lists.order if entry in missing or entry in app),
        triggers=tuple(toc.list_text([entry]) for entry in triggers),
        after=toc.list_text(after) if after else "",
        accounts=toc.list_text(accounts) if accounts and deleted else "",
    )


def _extension_of(entry: Entry) -> str:
    """The extension that it creates, or comments on; "" for anything else."""
    if entry.kind == "EXTENSION":
        return entry.tag
    return entry.tag.removeprefix("EXTENSION ").strip('"') if entry.tag.startswith("EXTENSION ") else ""
