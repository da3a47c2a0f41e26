"""`backup` and `backup.*`: proven backups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(BackupRequest)
def take() -> Callable[[Desk, BackupRequest], Outcome]:
    """Back up the database, and prove the backup by restoring it: `invoke backup --env production`."""
    from scripts.database.backups.commands import backup

    return backup


@command(ListBackupsRequest, name="list")
def list_() -> Callable[[Desk, ListBackupsRequest], Outcome]:
    """List backups with age, size, proof and place: `invoke backup.list --check`."""
    from scripts.database.backups.commands import list_backups

    return list_backups


@command(VerifyBackupRequest)
def verify() -> Callable[[Desk, VerifyBackupRequest], Outcome]:
    """Prove a backup again by restoring it: `invoke backup.verify ID --env production`."""
    from scripts.database.backups.commands import verify_backup

    return verify_backup


@command(PruneBackupsRequest)
def prune() -> Callable[[Desk, PruneBackupsRequest], Outcome]:
    """Remove backups that are no longer needed: `invoke backup.prune --env production --plan`."""
    from scripts.database.backups.commands import prune_backups

    return prune_backups


collection = Collection("backup", list_, verify, prune)
collection.add_task(take, default=True)
