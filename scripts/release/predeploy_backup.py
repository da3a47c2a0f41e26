"""The backup before a release: in front of its migrations, or beside the build where it brings none."""

from __future__ import annotations

from concurrent.futures import Future

from scripts.database.postgres import lock_watch
from scripts.database.postgres.client import BACKUP, DUMPER, required_database
from scripts.release.run import ReleaseRun
from scripts.system.background import submit


def back_up(run: ReleaseRun) -> None:
    """Back up the state before the migrations and prove the backup. Whatever fails here stops the release.

    Raises:
        DeskError: there is no proven backup.
    """
    with run.step("backup", "of the state before the migrations, restored and compared"):
        run.desk.progress.note(proven(run))


def begin(run: ReleaseRun) -> Future[str]:
    """Back up and prove beside the build, for a release without migrations."""
    return submit(proven, run)


def finish(run: ReleaseRun, backup: Future[str]) -> None:
    """Wait for what `begin` began. Whatever failed there stops the release: nothing is published.

    Raises:
        DeskError: there is no proven backup.
    """
    with run.step("backup", "begun beside the build; restored and compared"):
        run.desk.progress.note(backup.result())


def proven(run: ReleaseRun) -> str:
    """Back up and prove; returns that in words.

    Raises:
        DeskError: there is no proven backup.
    """
    from scripts.database.backups.commands import summary
    from scripts.database.backups.create import create_backup
    from scripts.database.backups.verify import prove_backup

    desk, facts = run.desk, run.plan.facts
    database = required_database(desk, run.environment)
    with (
        lock_watch.named_waits(database, [BACKUP, DUMPER], desk.settings.supabase.lock_timeout),
        create_backup(desk, run.environment, "predeploy", facts.previous) as backup,
    ):
        accepted = facts.request.accept_partial_proof
        prove_backup(desk, run.environment, backup, facts.ledger.tip, run.id, accept_partial=accepted)
    return f"`{backup.manifest.id}` is proven: {summary(backup.manifest)}"
