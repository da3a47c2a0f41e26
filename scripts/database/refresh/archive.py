"""A masked copy, brought to the target's migrations and dumped: a new dump has no old row versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups.dumping import dump_database
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres.url import Database
from scripts.database.restore import plan
from scripts.database.restore.plan import Change, Restoring


def taken(desk: Desk, target: Environment, copy: Database, folder: Path, source: Manifest) -> Manifest:
    """Dump the copy into the folder; returns what it holds, told like a backup."""
    read, programs = dump_database(desk, target, copy, folder)
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
