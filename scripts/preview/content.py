"""What is in a preview's database: the migrations of its commit, and the app's seed."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.database.migrations import apply
from scripts.database.migrations.files import Applied, Migration, compare, migrations_of
from scripts.database.postgres.client import Postgres, session
from scripts.database.postgres.url import Database
from scripts.errors import ReleaseFailed
from scripts.preview.databases import Databases, Made
from scripts.system.process import quoted_lines


def bring_up_to_date(
    desk: Desk, databases: Databases, slot: str, made: Made, commit: str, *, check: Callable[[], None]
) -> str:
    """Apply what the database lacks of the commit; returns what was done, in words.

    Where the branch has taken back or edited a migration that is applied, the database is made anew: in it
    are seeds, and what people typed to try the branch.

    Args:
        check: raises if the slot was taken over: its next branch has a database of the same name.

    Raises:
        ReleaseFailed: a migration or the seed fails.
        Locked: the slot was taken over.
    """
    if made.database is None:
        return "no database"
    migrations = migrations_of(desk, commit)
    fresh = made.fresh
    if not fresh:
        postgres = Postgres(made.database)
        found = compare(migrations, [Applied(*row) for row in postgres.history()])
        if not (found.missing or found.edited):
            if not found.pending:
                return "the database is up to date"
            check()
            _apply(desk, made.database, migrations, late=bool(found.late))
            return f"{len(found.pending)} migrations applied"
        desk.progress.note("the branch took back or edited what is applied: the database is made anew")
        check()
        made = databases.ensure(slot, anew=True)
    database = made.database
    assert database is not None  # noqa: S101 - `ensure` of the same kind
    check()
    if migrations:
        _apply(desk, database, migrations, late=False)
        check()
    return f"{len(migrations)} migrations applied{_seed(desk, database, commit)}"


def _apply(desk: Desk, database: Database, migrations: tuple[Migration, ...], *, late: bool) -> None:
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    apply.apply(desk, binary, database, migrations, padding={} if late else None)


def _seed(desk: Desk, database: Database, commit: str) -> str:
    """Run the app's seed in one transaction; the words that say so."""
    import psycopg

    file = desk.settings.preview.seed.strip("/")
    text = desk.git.read_file(commit, file) if file else None
    if not text or not text.strip():
        return ""
    limit = int(desk.settings.supabase.push_timeout * 1000)
    with session(database) as connection:
        try:
            with connection.transaction():
                connection.execute(f"set local statement_timeout = {limit}".encode())
                connection.execute(text.encode("utf-8", "surrogateescape"))
        except psycopg.Error as fault:
            if connection.closed:
                raise
            raise ReleaseFailed(f"the seed `{file}` fails{quoted_lines(str(fault))}") from None
    return f", `{file}` run"
