"""Apply migrations to a scratch database with the Supabase CLI, as a release would."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database import supabase
from scripts.database.backups import scratch_server
from scripts.database.migrations.files import Migration
from scripts.database.postgres import scratch
from scripts.database.postgres.client import Postgres, session
from scripts.database.postgres.scratch import ScratchDatabases
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, ReleaseFailed
from scripts.system.process import attempt
from scripts.system.secret import Secret

ROLES = ("anon", "authenticated", "service_role")  # that Supabase's `postgres` is a member of


def apply(
    desk: Desk,
    binary: Path,
    database: Database,
    migrations: Sequence[Migration],
    *,
    folder: Path | None = None,
    padding: Mapping[str, str] | None = None,
) -> float:
    """Push the migrations; returns the seconds that the push took.

    Args:
        binary: the Supabase CLI.
        folder: where the CLI's temporary folder is made.
        padding: more files (name -> text), for versions of the history that `migrations` lacks.

    Raises:
        ReleaseFailed: one failed, or is not in the history afterwards.
    """
    limits = desk.settings.supabase
    files = {**{migration.file: migration.sql for migration in migrations}, **(padding or {})}
    late = padding is not None  # then the history may hold versions newer than what is pushed
    with supabase.cli_with_migrations(binary, files, folder) as cli:
        result = attempt(cli.db_push(database, limits.push_timeout, limits.lock_timeout, late=late))
        try:
            supabase_cli.answer(result, "supabase db push")
        except CommandFailed as error:
            raise _failed(desk, database, migrations, error) from None
    applied = applied_versions(database)
    lost = [migration.file for migration in migrations if migration.version not in applied]
    if lost:
        raise ReleaseFailed(f"`{lost[0]}` is not in the history, although `supabase db push` ended with 0")
    return round(result.seconds, 2)


def _failed(
    desk: Desk, database: Database, migrations: Sequence[Migration], error: CommandFailed
) -> ReleaseFailed:
    """The fault of the first migration that is not in the history; a CI job annotates its file."""
    applied = applied_versions(database)
    file = next((each.file for each in migrations if each.version not in applied), "")
    at = f", at `{file}`" if file else ""
    fault = ReleaseFailed(f"the migrations can't be applied{at}: {error.message}")
    if file:
        path = f"{desk.settings.app.migrations.strip('/')}/{file}"
        row = {"file": path, "line": 1, "severity": "error", "rule": "migration", "message": error.message}
        fault.data = {"annotations": [row]}
    return fault


@contextmanager
def scratch_project(desk: Desk, environment: Environment) -> Iterator[ScratchProject]:
    """A fresh project on a scratch server; everything is removed at the end."""
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    with (
        scratch_server.scratch_folder() as folder,
        scratch_server.supabase_server(desk, environment, folder) as server,
        scratch.scratch_databases(server, desk.new_id()) as databases,
    ):
        yield ScratchProject(desk, binary, folder, databases)


@dataclass(frozen=True)
class ScratchProject:
    """The Supabase CLI, a folder for its files, and databases whose server has a fresh project."""

    desk: Desk
    binary: Path
    folder: Path
    databases: ScratchDatabases

    def fresh(self, name: str) -> Database:
        """Make the database `name` anew, as a project before its first migration."""
        return self.databases.copy(self.databases.server.name, name)

    def push(self, database: Database, migrations: Sequence[Migration]) -> float:
        """See `apply`."""
        return apply(self.desk, self.binary, database, migrations, folder=self.folder)


def bring_up_to_date(desk: Desk, copy: Database, migrations: Sequence[Migration]) -> None:
    """Apply those of the migrations that a restored copy lacks.

    Raises:
        ReleaseFailed: see `apply`.
    """
    applied = applied_versions(copy)
    versions = {migration.version for migration in migrations}
    if versions <= applied:
        return
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    # the CLI refuses a history with versions that no file has: those get an empty file
    padding = {f"{version}_there.sql": "" for version in applied - versions}
    apply(desk, binary, _as_postgres(copy), migrations, padding=padding)


def applied_versions(database: Database) -> set[str]:
    """The versions in a database's history."""
    return {row.version for row in Postgres(database).history()}


def _as_postgres(copy: Database) -> Database:
    """On a scratch server of the desk's own, migrations run as `postgres`, who will own what they make."""
    if not scratch.is_superuser(copy):
        return copy
    password = Secret(secrets.token_urlsafe(24))
    _make_owner(copy, password)
    return replace(copy, user="postgres", password=password)


def _make_owner(database: Database, password: Secret) -> None:
    """Let `postgres` log in, own the database and migrate, as it may on Supabase."""
    from psycopg import sql

    exists = "select 1 from pg_roles where rolname = %s"
    with session(database) as connection:
        verb = "alter" if connection.execute(exists, ["postgres"]).fetchone() else "create"
        order = sql.SQL(f"{verb} role postgres login createdb createrole bypassrls password {{}}")
        connection.execute(order.format(sql.Literal(password.reveal())))
        for role in ROLES:
            if connection.execute(exists, [role]).fetchone():
                connection.execute(sql.SQL("grant {} to postgres").format(sql.Identifier(role)))
        connection.execute("grant pg_read_all_data to postgres")
        owner = sql.SQL("alter database {} owner to postgres")
        connection.execute(owner.format(sql.Identifier(database.name)))
