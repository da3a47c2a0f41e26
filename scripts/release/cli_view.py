"""The Supabase CLI on the files of a release, and what it sees: it is asked while the commit is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.config import supabase_cli
from scripts.database import supabase
from scripts.database.postgres.client import configured_database
from scripts.database.postgres.url import Database
from scripts.database.supabase import Seen
from scripts.release.run import ReleaseRun


@dataclass(frozen=True)
class CliView:
    """The Supabase CLI on the files of the commit.

    Args:
        seen: what it sees of them, and of the history; waits for its answer.
    """

    database: Database
    seen: Callable[[], Seen]


@contextmanager
def looking(run: ReleaseRun) -> Iterator[CliView | None]:
    """Let the CLI look at files and history while other steps run: it takes a second to start.

    It only reads. Whoever pushes reads the history again, under the database's lock. None where nothing is
    to be applied.
    """
    desk, facts = run.desk, run.plan.facts
    database = configured_database(desk, run.environment)
    if database is None or not run.plan.comparison.pending:
        yield None
        return
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    files = {migration.file: migration.sql for migration in facts.committed}
    with (
        supabase.cli_with_migrations(binary, files) as cli,
        supabase.asking_versions(cli, database) as seen,
    ):
        yield CliView(database, seen)
