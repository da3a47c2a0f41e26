"""An archive, restored into a database that is thrown away: to prove it, to rehearse on it, to mask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import scratch_server, toc
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres import scratch
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import client
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Refused

DUMP = "db.dump"
JOBS = "-j2"


@contextmanager
def restored(
    desk: Desk, environment: Environment, archive_folder: Path, manifest: Manifest
) -> Iterator[Database]:
    """The database, gone at the end; what a killed run left of its own is removed by the next one.

    A PostgreSQL of our own of the archive's major, or the one that `SCRATCH_DATABASE_URL` names.

    Args:
        environment: the one whose variables may name a scratch server.
        archive_folder: plain and checked, as `fetched` gives it.
        manifest: its manifest.

    Raises:
        Refused: there is no server of that major here.
        CommandFailed: the archive does not restore cleanly.
    """
    wanted = int(manifest.server.partition(".")[0])
    archive = Archive(archive_folder / DUMP, client(desk, wanted).folder / "pg_restore")
    with (
        scratch_server.folder() as beside,
        scratch_server.bare(desk, environment, beside, wanted) as server,
        scratch.opened(server, desk.new_id()) as databases,
    ):
        found = scratch.major(server)
        if found != wanted:
            raise Refused(
                f"the scratch server is PostgreSQL {found}, the backup is one of {wanted}",
                f"name one of that major in `{scratch_server.VARIABLE}`",
            )
        database = databases.copy("template0", "restored")
        fill(database, archive)
        yield database


def fill(database: Database, archive: Archive) -> None:
    """Restore everything that this server can have into an empty database.

    Raises:
        CommandFailed: it does not end cleanly; extensions that the server lacks are named.
    """
    whole, known = scratch.is_superuser(database), scratch.extensions(database)
    lists = toc.sort(toc.entries(archive.listing()))
    chosen = toc.text(toc.beside(lists, known, whole=whole))
    schema = archive.sql(chosen, "pre-data") + archive.sql(chosen, "post-data")
    scratch.make_roles(database, scratch.roles_in(schema.decode("utf-8", "replace")))
    try:
        archive.restore(database, chosen, JOBS, *([] if whole else ["--no-owner", "--no-acl"]))
    except CommandFailed as fault:
        made = [each.tag for each in lists.database if each.kind == "EXTENSION" and each.tag not in known]
        if made:
            fault.message += f"\n  | this server has no {', '.join(f'`{each}`' for each in made)}"
            fault.hint = f"name a server that has them in `{scratch_server.VARIABLE}`"
        raise
