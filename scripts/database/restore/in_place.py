"""Restore a backup's app schemas into a live database in one transaction: all, compared, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import equality, toc
from scripts.database.backups import manifest as backups_manifest
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres import scratch
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import LOCK_KEY, required_database, session
from scripts.database.postgres.content import Content, SnapshotReader
from scripts.database.postgres.names import split_key
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import programs_for
from scripts.database.postgres.trouble import trouble_of
from scripts.database.postgres.url import Database
from scripts.database.restore import plan as restore_plan
from scripts.database.restore import swap_schemas
from scripts.database.restore.plan import RestorePlan
from scripts.database.restore.swap_schemas import ArchiveParts, SchemaSwap
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Refused, Unreachable
from scripts.system import signals
from scripts.system.process import quoted_lines
from scripts.system.text import listed

if TYPE_CHECKING:
    import psycopg


T = TypeVar("T")
Step = Callable[[str, str], AbstractContextManager[None]]  # (name, detail)
BeforeCommit = Callable[["psycopg.Connection[Any]"], None]
STATISTICS = (
    "`analyze` in the database makes its first queries quick; the server does so itself before long"
)
RECONNECT_WITHIN = 60.0  # seconds for a server that went away to come back
RETRY_EVERY = 0.5  # seconds
SHOWN = 8  # lines of a message


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
) -> Mapping[str, int]:
    """Restore, compare and commit; `before_commit` works in the same transaction.

    The run's id becomes part of the old schemas' names. Returns, by table, the rows written between the
    plan and the lock.

    Raises:
        CommandFailed: nothing was changed, and why.
        LiveUnknown: the server went away during the commit, and did not come back.
    """
    import psycopg

    database = required_database(desk, environment)
    parts = _parts_of(source, plan, scratch.installed_objects(database))
    try:
        with session(database) as connection:
            try:
                swap = SchemaSwap(connection, source.archive, toc.is_app_schema, run)
                lock_timeout = desk.settings.supabase.lock_timeout
                late = _swap(swap, source, plan, parts, lock_timeout=lock_timeout, step=step)
                if before_commit:
                    before_commit(connection)
            except psycopg.Error as error:
                raise _rolled_back(error) from None
            with step("switch", "commit: from here on the app sees the backup"):
                signals.ignore()  # an interruption comes too late: the steps after this record the restore
                connection.execute("commit")
    except Unreachable as error:
        if not has_committed(desk, database, run):
            raise CommandFailed(f"{error.message}\n  | nothing was changed", error.hint) from None
    return late


def has_committed(desk: Desk, database: Database, run: str) -> bool:
    """Whether the run's restore was committed, which only the server can tell.

    Raises:
        LiveUnknown: the server does not come back.
    """

    def old_schemas_exist() -> bool:
        with session(database) as connection:
            names = [schema.name for schema in swap_schemas.old_schemas(connection)]
        return any(name.startswith(f"{OLD_SCHEMA_PREFIX}{run}_") for name in names)

    try:
        return retry_while_away(desk, old_schemas_exist)
    except Unreachable as error:
        raise LiveUnknown(
            f"it is not known whether the restore was committed: {error.message}",
            "when the server is back: `invoke resume`",
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
    from psycopg import sql

    def work() -> None:
        with session(required_database(desk, environment)) as connection:
            for table in source.lists.tables:
                connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*split_key(table))))

    retry_while_away(desk, work)


def _swap(
    swap: SchemaSwap,
    source: Source,
    plan: RestorePlan,
    parts: ArchiveParts,
    *,
    lock_timeout: float,
    step: Step,
) -> Mapping[str, int]:
    """Everything but the commit."""
    connection = swap.connection
    connection.execute("begin")
    with step("hold", "writers wait from here on, readers go on"):
        connection.execute(f"set local lock_timeout = {int(lock_timeout * 1000)}")
        connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [LOCK_KEY])
        schemas = swap.lock(lock_timeout)
        late = _late_writes(connection, plan)
    with step("restore", f"`{source.manifest.id}`, while the live schemas are kept under other names"):
        swap.rename(schemas, f"until the restore of {source.manifest.id}, run {swap.run}")
        swap.fill(parts)
        swap.attach(parts, schemas)
        connection.execute("notify pgrst, 'reload schema'")
    with step("compare", "rows, checksums, sequences and schema with the manifest"):
        _compare(connection, source)
    return late


def _compare(connection: psycopg.Connection[Any], source: Source) -> None:
    reader = SnapshotReader.within(connection)
    tables = [table for table in reader.tables() if table.key in source.lists.tables]
    sequences, descending = reader.sequences(toc.is_app_schema)
    differences = equality.differences(
        restore_plan.app_part(source.manifest, source.lists),
        restore_plan.comparable_schema(source.schema),
        Content(
            tables=dict(reader.checksums(tables)),
            sequences=sequences,
            descending=descending,
            extensions={},
            schema=restore_plan.comparable_schema(reader.schema(toc.is_app_schema)),
        ),
    )
    if differences:
        raise CommandFailed(
            f"what was restored is not the backup; nothing was changed{listed(differences, SHOWN)}"
        )


def _late_writes(connection: psycopg.Connection[Any], plan: RestorePlan) -> Mapping[str, int]:
    """Rows by which tables grew or shrank after the plan was shown; the old schemas keep them too."""
    from psycopg import sql

    late = {}
    for change in plan.changes:
        if not change.now:  # the table may be gone: then nobody writes to it
            continue
        table = sql.Identifier(*split_key(change.table))
        row = connection.execute(sql.SQL("select count(*) from only {}").format(table)).fetchone()
        if row and row[0] != change.now:
            late[change.table] = int(row[0]) - change.now
    return late


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
