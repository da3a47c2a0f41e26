"""Migrations replayed from empty on a scratch database, to see what schema they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import scratch_server, toc
from scripts.database.migrations.files import Migration
from scripts.database.migrations.rehearsal import WORK, Stage
from scripts.database.postgres import scratch
from scripts.database.postgres.client import Postgres
from scripts.database.postgres.description import described
from scripts.database.postgres.url import Database
from scripts.errors import ReleaseFailed


@dataclass(frozen=True)
class Replayed:
    """Where it ended.

    Args:
        database: good as long as the bracket is open.
        file: the first that could not be applied; None when all were.
        fault: why.
    """

    database: Database
    file: str | None = None
    fault: str | None = None


def schema_of(database: Database) -> Mapping[str, tuple[str, ...]]:
    """What the team owns of a database's schema: thing -> its lines."""
    return described(database, toc.SCHEMAS, toc.EXTENSIONS)


@contextmanager
def replayed(desk: Desk, environment: Environment, migrations: Sequence[Migration]) -> Iterator[Replayed]:
    """Apply them with the real CLI to a copy of what a fresh project is; gone at the end."""
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    with (
        scratch_server.folder() as folder,
        scratch_server.server(desk, environment, folder) as server,
        scratch.opened(server, desk.new_id()) as databases,
    ):
        stage = Stage(desk, databases, binary, folder)
        databases.copy(server.name, WORK)
        database = stage.database(WORK)
        try:
            if migrations:
                stage.push(migrations)
        except ReleaseFailed as fault:
            stands = {row.version for row in Postgres(database).history()}
            failed = next((each.file for each in migrations if each.version not in stands), None)
            yield Replayed(database, failed, fault.message)
        else:
            yield Replayed(database)
