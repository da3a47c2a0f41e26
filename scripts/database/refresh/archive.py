"""A masked copy, brought to the target's migrations and dumped: a new dump has no old row versions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database import supabase
from scripts.database.backups.dumping import dumped
from scripts.database.backups.manifest import Manifest
from scripts.database.migrations.files import Migration
from scripts.database.postgres import scratch
from scripts.database.postgres.client import Postgres
from scripts.database.postgres.url import Database
from scripts.database.refresh import mask
from scripts.database.restore import plan
from scripts.database.restore.plan import Change, Restoring
from scripts.errors import CommandFailed, ReleaseFailed
from scripts.system.process import attempt
from scripts.system.secret import Secret


def migrate(desk: Desk, copy: Database, wanted: Sequence[Migration]) -> None:
    """Apply those of `wanted` that the copy lacks, with the real CLI.

    Raises:
        ReleaseFailed: one fails on the masked data, or is not in the history afterwards.
    """
    stands = {row.version for row in Postgres(copy).history()}
    if all(each.version in stands for each in wanted):
        return
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    limits = desk.settings.supabase
    # the CLI refuses a history with versions that no file has: those of the copy alone get an empty one
    files = {each.file: each.sql for each in wanted}
    versions = {each.version for each in wanted}
    files |= {f"{version}_there.sql": "" for version in stands - versions}
    with supabase.opened(binary, files) as cli:
        push = cli.db_push(_as_postgres(copy), limits.push_timeout, limits.lock_timeout)
        try:
            supabase_cli.answer(
                attempt(replace(push, argv=(*push.argv, "--include-all"))), "supabase db push"
            )
        except CommandFailed as fault:
            raise ReleaseFailed(f"a migration fails on the copy: {fault.message}") from None
    now = {row.version for row in Postgres(copy).history()}
    lost = [each.file for each in wanted if each.version not in now]
    if lost:
        raise ReleaseFailed(f"`{lost[0]}` is not in the history of the copy")


def _as_postgres(copy: Database) -> Database:
    """On a server of our own the copy's migrations run as who they will belong to."""
    if not scratch.is_superuser(copy):
        return copy
    password = Secret(secrets.token_urlsafe(24))
    mask.owned_by_postgres(copy, password)
    return replace(copy, user="postgres", password=password)


def taken(desk: Desk, target: Environment, copy: Database, folder: Path, source: Manifest) -> Manifest:
    """Dump the copy into the folder; returns what it holds, told like a backup."""
    read, programs = dumped(desk, target, copy, folder)
    known = {version: source.migrations.get(version, "") for version in read.versions}
    return replace(
        source,
        kind="masked",
        environment=target.name,
        migrations=known,
        server=read.server,
        client=programs.version,
        tables=read.tables,
        sequences=read.sequences,
        extensions=read.extensions,
    )


def everything(manifest: Manifest) -> Restoring:
    """All of it goes in; accounts that the target lacks come with it."""
    people = Change(plan.PEOPLE, 0, 0, 0, 0, deleted=1)
    return Restoring(manifest, (), {}, people, 0.0, safety=False)
