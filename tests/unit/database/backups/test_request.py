"""What people type for backups, and what holds when they don't."""

from __future__ import annotations

from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)


def test_a_backup_is_manual_and_proven_unless_said_otherwise() -> None:
    request = BackupRequest(env="production")
    assert (request.kind, request.proof, request.accept_shrink) == ("manual", True, False)


def test_only_the_id_is_positional() -> None:
    requests = (BackupRequest, ListBackupsRequest, VerifyBackupRequest, PruneBackupsRequest)
    positional = [option.name for request in requests for option in request.options() if option.positional]
    assert positional == ["backup"]


def test_pruning_asks_first() -> None:
    assert PruneBackupsRequest(env="production").yes is False
