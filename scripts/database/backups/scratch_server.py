"""Scratch servers to prove, rehearse and mask on: a local PostgreSQL, or the one that the team names."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import scratch_notes, toc
from scripts.database.backups.manifest import DUMP, Manifest
from scripts.database.backups.unproven import VARIABLE, Unproven, whole_proof
from scripts.database.postgres import load_order, programs, scratch
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.client import session
from scripts.database.postgres.driver import prepare
from scripts.database.postgres.lost_names import lost_name
from scripts.database.postgres.pg_restore import TABLE_DATA, Archive, data_in_order
from scripts.database.postgres.scratch import ScratchDatabases, scratch_databases
from scripts.database.postgres.url import Database, parse_database
from scripts.errors import BackupFault, CommandFailed, Refused
from scripts.system import signals, temporary
from scripts.system.secret import Secret
from scripts.system.text import listed

if TYPE_CHECKING:
    from scripts.database.postgres.local_server import LocalServer

SHOWN = 12  # things that an error lists
# A server that lives for one restore need not survive a power cut. What a transaction writes to a table of
# its own is not written to the log of `minimal` as well, and nothing is flushed before its time.
DISPOSABLE = (
    *("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off"),
    *("wal_level=minimal", "max_wal_senders=0", "max_wal_size=1GB", "checkpoint_timeout=1d"),
    *("shared_buffers=256MB", "maintenance_work_mem=256MB"),
)
RESTORE_JOBS = "-j2"
TABLES_WITH_ROWS = ("--section=pre-data", "--section=data")
# kinds of entries; `CONSTRAINT` is a primary key or a unique one: foreign keys are of another kind
PUBLICATION = "PUBLICATION"
INDEX_ATTACH, INDEXES = "INDEX ATTACH", frozenset({"INDEX", "CONSTRAINT"})


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL, no longer root, can pass through; its data folder is 0700."""
    with temporary.folder() as folder:
        folder.chmod(0o711)
        yield folder


@contextmanager
def supabase_server(desk: Desk, environment: Environment, folder: Path) -> Iterator[Database]:
    """A scratch server; the database is a template like a fresh Supabase project before any migration.

    Args:
        environment: its variables may name a server.
        folder: where a local server may be created.

    Raises:
        ConfigError: `SCRATCH_DATABASE_URL` is invalid.
        Refused: it is not set, and the packages for a local server are not installed.
    """
    from scripts.database.postgres.local_server import TEMPLATE

    if named := configured(desk, environment):
        with scratch_notes.noted(desk, environment):
            yield named
        return
    with _local_server(folder) as server:
        where = "the scratch server"
        yield parse_database(server.url(TEMPLATE), None, where=where, folder=desk.config_folder)


@contextmanager
def bare_server(
    desk: Desk, environment: Environment, folder: Path, major: int, wanted: Collection[str] = ()
) -> Iterator[Database]:
    """A scratch server of that major version without Supabase's template; a local one's user is superuser.

    Args:
        wanted: extensions; a server of this machine that has more of them is preferred to the wheel's.

    Raises:
        ConfigError: `SCRATCH_DATABASE_URL` is invalid.
        Refused: it is not set, and there are no programs of that major version for a local server.
    """
    from scripts.database.postgres.local_server import SUPERUSER

    if named := configured(desk, environment):
        with scratch_notes.noted(desk, environment):
            yield named
        return
    own = programs_with(desk, major, wanted)
    own = own or _shared_programs(desk)
    kept = desk.state_folder / "postgresql" if own else None
    with _local_server(folder, own, DISPOSABLE, supabase=False, kept=kept) as server:
        password = Secret(server.admin_password)
        yield Database("127.0.0.1", server.port, "postgres", SUPERUSER, password, "disable")


def _shared_programs(desk: Desk) -> Path | None:
    """The wheel's programs where the desk keeps them; None if its server could not reach them there.

    A server that root starts may pass only through folders that are open to all; see `may_pass`.
    """
    from scripts.database.postgres.local_server import may_pass

    return programs.packaged(desk) if may_pass() else None


@contextmanager
def _local_server(
    folder: Path,
    own_programs: Path | None = None,
    options: tuple[str, ...] = (),
    *,
    supabase: bool = True,
    kept: Path | None = None,
) -> Iterator[LocalServer]:
    from scripts.database.postgres.local_server import LocalServer
    from scripts.system import ports

    (port,) = ports.find_free(1)
    passwords = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    server = LocalServer(folder / "postgres", port, *passwords, own_programs, options, kept)
    server.create()
    try:
        server.start(supabase=supabase)
        yield server
    finally:
        with signals.deferred():
            server.stop(keep=False)


@contextmanager
def scratch_copy(
    desk: Desk,
    environment: Environment,
    archive_folder: Path,
    manifest: Manifest,
    watch: Callable[[Database], AbstractContextManager[None]] = lambda _database: nullcontext(),
) -> Iterator[Database]:
    """A backup restored into a scratch database, which is dropped at the end.

    Args:
        environment: its variables may name a scratch server.
        archive_folder: the plain, checked files, as `storage.fetch_backup` yields them.
        manifest: the backup's.
        watch: what is open while the database is filled.

    Raises:
        Refused: there is no server of the backup's major version.
        BackupFault: the archive does not restore cleanly.
    """
    archive = archive_in(desk, archive_folder, manifest)
    with databases_for(desk, environment, manifest) as databases:
        database = databases.copy("template0", "restored")
        with watch(database):
            _restore(database, archive)
        yield database


def archive_in(desk: Desk, folder: Path, manifest: Manifest) -> Archive:
    """The archive in a folder, with the `pg_restore` of its own version."""
    major = int(manifest.server.partition(".")[0])
    return Archive(folder / DUMP, programs.programs_for(desk, major).folder / "pg_restore")


@contextmanager
def databases_for(desk: Desk, environment: Environment, manifest: Manifest) -> Iterator[ScratchDatabases]:
    """Scratch databases on a server of the backup's major version, dropped at the end.

    Raises:
        Refused: there is no such server.
    """
    wanted = int(manifest.server.partition(".")[0])
    prepare()  # there is no server yet
    with (
        scratch_folder() as folder,
        bare_server(desk, environment, folder, wanted, manifest.extensions) as server,
        scratch_databases(server, desk.new_id()) as databases,
    ):
        major = scratch.server_major(server)
        if major != wanted:
            raise Refused(
                f"the scratch server is PostgreSQL {major}, the backup is of {wanted}",
                f"name one of that major version in `{VARIABLE}`",
            )
        yield databases


def _restore(database: Database, archive: Archive) -> None:
    """Restore everything that this server supports into an empty database.

    Raises:
        BackupFault: it does not end cleanly.
        CommandFailed: the same, on a server that lacks extensions; they are named.
    """
    lists = toc.classify(archive.contents())
    restore_entries(database, archive, lists, restorable(database, lists))


def restorable(database: Database, lists: toc.Lists) -> tuple[Entry, ...]:
    """The entries that can be restored into an empty database of this server, in the archive's order."""
    superuser, extensions = scratch.is_superuser(database), scratch.available_extensions(database)
    lost = {entry.number for entry in Unproven.of(lists, extensions).entries}
    found = toc.for_scratch_server(lists, extensions, superuser=superuser)
    return tuple(entry for entry in found if entry.number not in lost)


def require_everything(database: Database, lists: toc.Lists) -> None:
    """Check that the server has every extension that the app's own things need.

    Raises:
        Refused: it lacks some.
    """
    unproven = Unproven.of(lists, scratch.available_extensions(database))
    if unproven.own:
        lacking = ", ".join(f"`{name}`" for name in unproven.needed)
        things = listed(tuple(unproven.things()), SHOWN)
        raise Refused(
            f"the scratch server lacks {lacking}, which these need:{things}",
            whole_proof(scratch.server_major(database), unproven.needed),
        )


def restore_entries(
    database: Database,
    archive: Archive,
    lists: toc.Lists,
    entries: Sequence[Entry],
    *,
    section: str = "",
) -> None:
    """Restore these entries of the archive, in full or one section; the roles that they name are created.

    Raises:
        BackupFault: it does not end cleanly.
        CommandFailed: the same, on a server that lacks extensions; they are named.
    """
    chosen = toc.list_text(entries)
    schema = archive.sql(chosen, "pre-data") + archive.sql(chosen, "post-data")
    scratch.create_missing_roles(database, scratch.roles_in(schema.decode("utf-8", "replace")))
    options = [] if scratch.is_superuser(database) else ["--no-owner", "--no-acl"]
    try:
        if section:
            _restore_section(database, archive, entries, section, *options)
        else:
            _fill(database, archive, entries, *options)
    except CommandFailed as fault:
        if explained := _explained(fault, database):
            raise explained from None
        available = scratch.available_extensions(database)
        lacking = [f"`{name}`" for name in Unproven.of(lists, available).extensions]
        if lacking:
            fault.message += f"\n  | this server has no {', '.join(lacking)}"
            fault.hint = f"name a server that has them in `{VARIABLE}`"
            raise
        raise BackupFault(fault.message, fault.hint) from None


def _fill(database: Database, archive: Archive, entries: Sequence[Entry], *options: str) -> None:
    """Restore the entries: tables whose checks read other tables after these, all others two at a time.

    A table that is made and filled by the same call is filled without a log.
    """
    attached = any(entry.kind == INDEX_ATTACH for entry in entries)
    if not load_order.may_read(entries):
        sections = TABLES_WITH_ROWS if attached else ()
        rest = entries if attached else _published(database, archive, entries, *options)
        archive.restore(database, toc.list_text(rest), RESTORE_JOBS, *options, *sections)
        if attached:
            _restore_section(database, archive, entries, "post-data", *options)
        return
    archive.restore(database, toc.list_text(entries), *options, section="pre-data")
    rows = [entry for entry in entries if entry.kind == TABLE_DATA]
    with session(database) as connection:
        reads = load_order.readers(connection, [(entry.schema, entry.tag) for entry in rows])
        in_order = data_in_order(connection, rows)
    last = [entry for entry in in_order if (entry.schema, entry.tag) in reads]
    first = toc.list_text(entry for entry in entries if entry not in last)
    archive.restore(database, first, RESTORE_JOBS, *options, section="data")
    if last:
        archive.restore(database, toc.list_text(last), *options, section="data")
    _restore_section(database, archive, entries, "post-data", *options)


def _published(
    database: Database, archive: Archive, entries: Sequence[Entry], *options: str
) -> Sequence[Entry]:
    """Make the publications among the entries, without their tables; returns the other entries.

    A server that keeps no log for subscribers warns of each, and a warning would fail the restore.
    """
    announced = [entry for entry in entries if entry.kind == PUBLICATION]
    if not announced:
        return entries
    archive.publish(database, toc.list_text(announced), *options)
    return [entry for entry in entries if entry.kind != PUBLICATION]


def _restore_section(
    database: Database, archive: Archive, entries: Sequence[Entry], section: str, *options: str
) -> None:
    """Restore one section, two entries at a time; the indexes of partitions are attached one by one.

    `pg_restore -j` doesn't know which tables an `INDEX ATTACH` locks: beside a foreign key or another index
    of the same tables, it can end in a deadlock. What needs an attached index comes after it. Comments go
    with their index: `pg_restore` takes one for a part of the section of the entry before it in the list.
    """
    if section == "post-data":
        entries = _published(database, archive, entries, *options)
    attached = [entry for entry in entries if entry.kind == INDEX_ATTACH]
    if section != "post-data" or not attached:
        archive.restore(database, toc.list_text(entries), RESTORE_JOBS, *options, section=section)
        return
    indexes = {entry.number for entry in entries if entry.kind in INDEXES}
    indexes |= {entry.number for entry in entries if entry.kind == "COMMENT" and indexes & {*entry.needs}}
    first = [entry for entry in entries if entry.number in indexes]
    last = [entry for entry in entries if entry.kind != INDEX_ATTACH and entry.number not in indexes]
    for some, jobs in ((first, (RESTORE_JOBS,)), (attached, ()), (last, (RESTORE_JOBS,))):
        archive.restore(database, toc.list_text(some), *jobs, *options, section=section)


def _explained(fault: CommandFailed, database: Database) -> BackupFault | None:
    """The fault with what fixes the database; None where that is not known."""
    with session(database) as connection:
        lost = lost_name(connection, fault.message)
    if lost is None:
        return None
    return BackupFault(
        f"the database can't be restored as it is: `{lost.function}` finds `{lost.name}` only by the"
        f" `search_path` of a session, and a restore has none; nothing was changed\n{fault.message}",
        f"in a migration: `{lost.fix}`",
    )


def drop_left(desk: Desk) -> list[str]:
    """Drop the databases of killed runs on the servers that the team names; returns their names.

    Raises:
        DeskError: a server can't be reached, or is not named any more.
    """
    dropped: list[str] = []
    for note, environment in scratch_notes.of_dead_runs(desk).items():
        server = configured(desk, environment)
        if server is not None:
            dropped += scratch.abandoned_databases(server)
            with scratch_databases(server, desk.new_id()):
                pass  # the first thing it does
        note.unlink(missing_ok=True)
    return dropped


def configured(desk: Desk, environment: Environment) -> Database | None:
    """The server that the environment's variables name."""
    values = desk.values(environment)
    url, password = values.get(VARIABLE), values.get("SCRATCH_DATABASE_PASSWORD")
    return parse_database(url, password, where=f"`{VARIABLE}`", folder=desk.config_folder) if url else None


def programs_with(desk: Desk, major: int, wanted: Collection[str]) -> Path | None:
    """As `server_programs`; but an installed server that has more of the wanted extensions.

    Raises:
        Refused: there is none.
    """
    own = server_programs(major)
    found = programs.find(major) if own is None and wanted else None
    if found is None or found.major != major or not (found.folder / "initdb").is_file():
        return own
    more = programs.extensions_in(found.folder, major) - programs.extensions_in(
        programs.packaged(desk), major
    )
    return found.folder if more & {*wanted} else own


def server_programs(major: int) -> Path | None:
    """The folder of a complete PostgreSQL of exactly that major version; None for the wheel's.

    Raises:
        Refused: there is none.
    """
    from scripts.database.postgres import local_server

    if local_server.packaged_major() == major:
        return None
    found = programs.find(major)
    if found and found.major == major and (found.folder / "initdb").is_file():
        return found.folder
    raise Refused(
        f"a scratch server of PostgreSQL {major} is needed to prove this, and there is none",
        f"apt-get install postgresql-{major}; or name one in `{VARIABLE}`",
    )
