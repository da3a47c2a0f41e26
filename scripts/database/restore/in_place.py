"""A database gets the app's schemas of a backup: all of them, compared, or nothing."""

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
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import LOCK_KEY, required_database, session
from scripts.database.postgres.content import Content, SnapshotReader
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import programs_for
from scripts.database.postgres.url import Database
from scripts.database.restore import plan as restore_plan
from scripts.database.restore import swap_schemas
from scripts.database.restore.plan import Restoring
from scripts.database.restore.swap_schemas import Parts, Replacement
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Refused, Unreachable
from scripts.system import signals
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg


Step = Callable[[str, str], AbstractContextManager[None]]
Found = TypeVar("Found")
Also = Callable[["psycopg.Connection[Any]"], None]
STATISTICS = "`analyze` in the database makes its first queries quick; it does so itself before long"
SETTLE_WITHIN = 60.0  # seconds in which a server that went away should be back


@dataclass(frozen=True)
class Source:
    """A backup that is at hand, plain and checked."""

    manifest: Manifest
    archive: Archive
    lists: toc.Lists
    schema: tuple[str, ...]


def source(desk: Desk, folder: Path, manifest: Manifest, server: int) -> Source:
    """Open the archive; `server` is the major of the one that it is to go to.

    Raises:
        Refused: it holds something that fits no list, or no program here can read it.
    """
    wanted = max(server, int(manifest.server.partition(".")[0]))
    archive = Archive(folder / backups_manifest.DUMP, programs_for(desk, wanted).folder / "pg_restore")
    lists = toc.classify(toc.parse_listing(archive.listing()))
    if lists.unknown:
        named = [str(each) for each in lists.unknown]
        raise Refused(f"`{manifest.id}` holds what no restore knows:{restore_plan.some(named)}")
    schema = tuple(json.loads((folder / backups_manifest.SCHEMA).read_text()))
    return Source(manifest, archive, lists, schema)


def nothing_else(_: psycopg.Connection[Any]) -> None:
    """A restore alone."""


def replace(
    desk: Desk,
    environment: Environment,
    held: Source,
    plan: Restoring,
    *,
    mark: str,
    step: Step,
    also: Also = nothing_else,
) -> Mapping[str, int]:
    """Do it, and what `also` does in the same transaction.

    Returns rows that were written between the plan and the lock, by table.

    Raises:
        CommandFailed: nothing was changed, and why.
        LiveUnknown: the server went away at the very end, and did not come back.
    """
    import psycopg

    database = required_database(desk, environment)
    parts = _parts(database, held, plan)
    try:
        with session(database) as connection:
            try:
                work = Replacement(connection, held.archive, toc.is_app_schema, mark)
                patience = desk.settings.supabase.lock_timeout
                late = _in_one_transaction(work, held, plan, parts, patience=patience, step=step)
                also(connection)
            except psycopg.Error as fault:
                raise _refused(fault) from None
            with step("switch", "commit: from here on the app sees the backup"):
                signals.ignore()  # it is too late to stop: what follows says that it was done
                connection.execute("commit")
    except Unreachable as fault:
        if not settled(desk, database, mark):
            raise CommandFailed(f"{fault.message}\n  | nothing was changed", fault.hint) from None
    return late


def settled(desk: Desk, database: Database, mark: str) -> bool:
    """Whether the run of that mark has arrived: the server alone can say it.

    Raises:
        LiveUnknown: it does not come back.
    """

    def arrived() -> bool:
        with session(database) as connection:
            return any(
                name.startswith(f"{OLD_SCHEMA_PREFIX}{mark}_")
                for name, _, _ in swap_schemas.asides(connection)
            )

    try:
        return when_there(desk, arrived)
    except Unreachable as fault:
        raise LiveUnknown(
            f"nobody knows yet whether the restore arrived: {fault.message}",
            "when the server is back: `invoke resume`",
            resumable=True,
        ) from None


def when_there(desk: Desk, work: Callable[[], Found]) -> Found:
    """Do it again while the server is away: it may be starting anew.

    Raises:
        Unreachable: it did not come back, or it said no.
    """
    import psycopg

    until = desk.clock() + SETTLE_WITHIN
    while True:
        try:
            return work()
        except Unreachable as fault:
            away = isinstance(fault.__context__, psycopg.OperationalError)
            if not away or desk.clock() > until:
                raise
            desk.sleep(0.5)


def analyze(desk: Desk, environment: Environment, held: Source) -> None:
    """New tables have no statistics: without them the first queries are slow."""
    from psycopg import sql

    def work() -> None:
        with session(required_database(desk, environment)) as connection:
            for table in held.lists.tables:
                connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*table.split(".", 1))))

    when_there(desk, work)


def _in_one_transaction(
    work: Replacement, held: Source, plan: Restoring, parts: Parts, *, patience: float, step: Step
) -> Mapping[str, int]:
    """Everything but the commit."""
    connection = work.connection
    connection.execute("begin")
    with step("hold", "writers wait from here on, readers go on"):
        connection.execute(f"set local lock_timeout = {int(patience * 1000)}")
        connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [LOCK_KEY])
        schemas = work.lock(patience)
        late = _late(connection, plan)
    with step("restore", f"`{held.manifest.id}` beside the live schemas"):
        work.move_aside(schemas, f"until the restore of {held.manifest.id}, run {work.mark}")
        work.fill(parts)
        work.hang(parts, schemas)
        connection.execute("notify pgrst, 'reload schema'")
    with step("compare", "rows, checksums, sequences and schema with the manifest"):
        _compare(connection, held)
    return late


def _compare(connection: psycopg.Connection[Any], held: Source) -> None:
    reader = SnapshotReader.within(connection)
    wanted = [each for each in reader.tables() if each.key in held.lists.tables]
    sequences, descending = reader.sequences(toc.is_app_schema)
    wrong = equality.differences(
        restore_plan.of_the_app(held.manifest, held.lists),
        restore_plan.told(held.schema),
        Content(
            tables=dict(reader.checksums(wanted)),
            sequences=sequences,
            descending=descending,
            extensions={},
            schema=restore_plan.told(reader.schema(toc.is_app_schema)),
        ),
    )
    if wrong:
        raise CommandFailed(
            f"what was restored is not the backup; nothing was changed{restore_plan.some(wrong)}"
        )


def _late(connection: psycopg.Connection[Any], plan: Restoring) -> Mapping[str, int]:
    """Rows by which tables grew or shrank after the plan was shown; they stay aside as well."""
    from psycopg import sql

    late = {}
    for each in plan.changes:
        table = sql.Identifier(*each.table.split(".", 1))
        row = connection.execute(sql.SQL("select count(*) from only {}").format(table)).fetchone()
        if each.now and row and row[0] != each.now:
            late[each.table] = int(row[0]) - each.now
    return late


def _refused(fault: psycopg.Error) -> DeskError:
    """The server said no, and has rolled everything back by that."""
    import psycopg

    said = quoted_lines(str(fault))
    if isinstance(fault, psycopg.errors.LockNotAvailable):
        return CommandFailed(f"the database is busy; nothing was changed{said}", "try again")
    if isinstance(fault, psycopg.errors.DiskFull):
        return CommandFailed(
            f"the server's disk is full; nothing was changed{said}", "make room, try again"
        )
    return CommandFailed(f"the backup can't be restored here; nothing was changed{said}")


def _parts(database: Database, held: Source, plan: Restoring) -> Parts:
    """What of the archive goes where, by what the database has already."""
    lists = held.lists
    there = scratch.installed_objects(database)
    missing = [each for each in lists.database if not toc.exists(each, there)]
    triggers = [each for each in lists.extras if each.kind == "TRIGGER"]
    after = [each for each in lists.extras if each not in triggers]
    back = [each for each in lists.users if (each.schema, each.tag) in toc.ACCOUNTS]
    lost = plan.people is not None and plan.people.deleted
    return Parts(
        before=toc.list_text(missing) if missing else "",
        app=toc.list_text(lists.app),
        triggers=tuple(toc.list_text([each]) for each in triggers),
        after=toc.list_text(after) if after else "",
        people=toc.list_text(back) if back and lost else "",
    )
