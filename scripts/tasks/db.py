"""`db.*`: the databases and their migrations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.database.request import (
    AdoptRequest,
    DatabaseStatusRequest,
    DriftRequest,
    DropAsideRequest,
    RefreshRequest,
    RehearseRequest,
    RestoreRequest,
)
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(RehearseRequest)
def rehearse() -> Callable[[Desk, RehearseRequest], Outcome]:
    """Prove every rollback script on a scratch database: `invoke db.rehearse --env staging`."""
    from scripts.database.migrations.rehearse import rehearse_scripts

    return rehearse_scripts


@command(DatabaseStatusRequest)
def status() -> Callable[[Desk, DatabaseStatusRequest], Outcome]:
    """Compare each migration history with the live migrations: `invoke db.status`."""
    from scripts.database.migrations.status import database_status

    return database_status


@command(DriftRequest)
def drift() -> Callable[[Desk, DriftRequest], Outcome]:
    """Compare a schema with what it should be: `invoke db.drift --from prod --against migrations`."""
    from scripts.database.migrations.drift import drift

    return drift


@command(AdoptRequest)
def adopt() -> Callable[[Desk, AdoptRequest], Outcome]:
    """Record the migrations that a database has already: `invoke db.adopt --env production --plan`."""
    from scripts.database.adopt.command import adopt

    return adopt


@command(RestoreRequest)
def restore() -> Callable[[Desk, RestoreRequest], Outcome]:
    """Restore a backup in one transaction: `invoke db.restore ID --env staging --plan`."""
    from scripts.database.restore.command import restore_backup

    return restore_backup


@command(DropAsideRequest)
def drop_aside() -> Callable[[Desk, DropAsideRequest], Outcome]:
    """Delete the old schemas that restores kept: `invoke db.drop-aside --env staging --plan`."""
    from scripts.database.restore.command import drop_old_schemas

    return drop_old_schemas


@command(RefreshRequest)
def refresh() -> Callable[[Desk, RefreshRequest], Outcome]:
    """Replace the data with a masked copy of production's: `invoke db.refresh --to staging`."""
    from scripts.database.refresh.command import refresh

    return refresh


collection = Collection("db", rehearse, status, drift, adopt, refresh, restore, drop_aside)
