"""A masked copy, brought to the target's migrations and dumped: a new dump has no old row versions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.adapters.database import bare, masked, supabase
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.postgres import Postgres
from scripts.domain.database import restoring
from scripts.domain.database.manifest import Manifest
from scripts.domain.database.migrations import Migration
from scripts.domain.database.restoring import Change, Restoring
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, ReleaseFailed
from scripts.shell.runner import attempt
from scripts.shell.secret import Secret
from scripts.workflows.database.dumping import dumped
from scripts.workflows.toolbox import Toolbox


def migrate(tools: Toolbox, copy: Database, wanted: Sequence[Migration]) -> None:
    """Apply those of `wanted` that the copy lacks, with the real CLI.

    Raises:
        ReleaseFailed: one fails on the masked data, or is not in the history afterwards.
    """
    stands = {row.version for row in Postgres(copy).history()}
    if all(each.version in stands for each in wanted):
        return
    binary = supabase.find(tools.git.folder, tools.settings.supabase.cli)
    limits = tools.settings.supabase
    # the CLI refuses a history with versions that no file has: those of the copy alone get an empty one
    files = {each.file: each.sql for each in wanted}
    versions = {each.version for each in wanted}
    files |= {f"{version}_there.sql": "" for version in stands - versions}
    with supabase.opened(binary, files) as cli:
        push = cli.db_push(_as_postgres(copy), limits.push_timeout, limits.lock_timeout)
        try:
            supabase.answer(attempt(replace(push, argv=(*push.argv, "--include-all"))), "supabase db push")
        except CommandFailed as fault:
            raise ReleaseFailed(f"a migration fails on the copy: {fault.message}") from None
    now = {row.version for row in Postgres(copy).history()}
    lost = [each.file for each in wanted if each.version not in now]
    if lost:
        raise ReleaseFailed(f"`{lost[0]}` is not in the history of the copy")


def _as_postgres(copy: Database) -> Database:
    """On a server of our own the copy's migrations run as who they will belong to."""
    if not bare.is_superuser(copy):
        return copy
    password = Secret(secrets.token_urlsafe(24))
    masked.owned_by_postgres(copy, password)
    return replace(copy, user="postgres", password=password)


def taken(tools: Toolbox, target: Environment, copy: Database, folder: Path, source: Manifest) -> Manifest:
    """Dump the copy into the folder; returns what it holds, told like a backup."""
    read, programs = dumped(tools, target, copy, folder)
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
    people = Change(restoring.PEOPLE, 0, 0, 0, 0, deleted=1)
    return Restoring(manifest, (), {}, people, 0.0, safety=False)
