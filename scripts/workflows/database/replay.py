"""Migrations replayed from empty on a scratch database, to see what schema they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.adapters.database import scratch, supabase
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.description import described
from scripts.adapters.database.postgres import Postgres
from scripts.domain.database import platform
from scripts.domain.database.migrations import Migration
from scripts.domain.settings import Environment
from scripts.errors import ReleaseFailed
from scripts.workflows.database import scratch_server
from scripts.workflows.database.rehearsal import WORK, Stage
from scripts.workflows.toolbox import Toolbox


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
    return described(database, platform.SCHEMAS, platform.EXTENSIONS)


@contextmanager
def replayed(
    tools: Toolbox, environment: Environment, migrations: Sequence[Migration]
) -> Iterator[Replayed]:
    """Apply them with the real CLI to a copy of what a fresh project is; gone at the end."""
    binary = supabase.find(tools.git.folder, tools.settings.supabase.cli)
    with (
        scratch_server.folder() as folder,
        scratch_server.server(tools, environment, folder) as server,
        scratch.opened(server, tools.new_id()) as databases,
    ):
        stage = Stage(tools, databases, binary, folder)
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
