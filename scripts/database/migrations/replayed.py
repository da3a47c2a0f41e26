"""The applied migrations on a scratch database; in part, where it lacks extensions that the app uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.adopt.replay import run
from scripts.database.backups import toc
from scripts.database.migrations import extensions
from scripts.database.migrations.apply import ScratchProject, scratch_project
from scripts.database.migrations.files import Migration
from scripts.database.postgres import catalogue, extension_use, scratch
from scripts.database.postgres.client import Postgres, session
from scripts.database.postgres.stand_ins import WITHOUT_INDEXES
from scripts.database.postgres.url import Database
from scripts.errors import ReleaseFailed


@dataclass(frozen=True)
class Replay:
    """A scratch database after the migrations.

    Args:
        error: that stopped the Supabase CLI.
        switched_on: `extension x` of those that no migration creates, and that the original has.
        lacking: extensions for want of which statements failed; they were left out.
        hidden: objects of the original that need one of those, such as `table public.docs`.
        major: the version of the original's server.
    """

    database: Database
    error: ReleaseFailed | None = None
    switched_on: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    major: int = 0


@contextmanager
def replayed(
    desk: Desk, environment: Environment, migrations: Sequence[Migration], original: Database
) -> Iterator[Replay]:
    """Apply the migrations to a copy of a fresh project, which is dropped at the end.

    What somebody switched on in the dashboard of the original is there beforehand. Where a file can't be
    applied for want of an extension, all statements that can be run are.
    """
    with Postgres(original).session() as connection:
        enabled = extensions.made_by_nobody(connection, migrations)
    with scratch_project(desk, environment) as project:
        database, switched_on = _fresh(project, enabled)
        try:
            if migrations:
                project.push(database, migrations)
        except ReleaseFailed as error:
            yield _in_part(project, migrations, original, Replay(database, error, switched_on))
        else:
            yield Replay(database, None, switched_on)


def _fresh(project: ScratchProject, enabled: Sequence[tuple[str, str]]) -> tuple[Database, tuple[str, ...]]:
    database = project.fresh("replay")
    with session(database) as connection:
        names = extensions.switch_on(connection, enabled)
    return database, tuple(f"extension {catalogue.quoted(name)}" for name in names)


def _in_part(
    project: ScratchProject, migrations: Sequence[Migration], original: Database, failed: Replay
) -> Replay:
    """The statements that can be run, if the server lacks what the original has; else as it is."""
    available = scratch.available_extensions(failed.database) - {*WITHOUT_INDEXES}
    with Postgres(original).session() as connection:
        connection.execute("set search_path = ''")
        major = connection.info.server_version // 10_000
        installed = [name for name, _ in extensions.made_by_nobody(connection, ())]
        rows = connection.execute(extension_use.QUERY).fetchall()
        enabled = extensions.made_by_nobody(connection, migrations)
    lacking = tuple(name for name in installed if name not in available and name not in toc.EXTENSIONS)
    if not lacking:
        return failed
    database, switched_on = _fresh(project, enabled)
    limit = project.desk.settings.supabase.push_timeout
    with session(database) as connection:
        for migration in migrations:
            for fault in run(connection, migration.sql, limit):
                project.desk.progress.note(f"left out: `{migration.file}`: {fault}")
    uses = extension_use.of_the_app(rows, toc.is_app_schema)
    hidden = tuple(dict.fromkeys(use.thing for use in uses if use.extension in lacking))
    return Replay(database, failed.error, switched_on, lacking, hidden, major)
