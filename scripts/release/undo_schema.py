"""Undo migrations: run their rollback scripts in one transaction, then believe only the history."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.database.migrations import rollback_scripts
from scripts.database.migrations.files import newest
from scripts.database.migrations.rollback_scripts import PlannedMigration
from scripts.database.postgres.client import WAIT_FOR_LOCK, Postgres, postgres_of, required_postgres
from scripts.errors import CommandFailed, DeskError, Refused, TakenBack, Unreachable
from scripts.release import publish
from scripts.release.run import ReleaseRun
from scripts.release.schema_rules import judged
from scripts.replit.live import Expected


def rehearse(run: ReleaseRun) -> None:
    """Before anything changes: run the scripts on this database in a transaction that is rolled back.

    Raises:
        Refused: one of them fails, or the database is no longer what was planned for.
        Unreachable: the server is gone, or can't work now.
    """
    undo, postgres = run.plan.back.undo, required_postgres(run.desk, run.environment)
    with run.step("rehearse", listed(undo)), postgres.exclusive(WAIT_FOR_LOCK):
        planned = {each.version for each in run.plan.facts.applied or ()}
        if {row.version for row in postgres.history()} != planned:
            raise Refused(
                f"the history of {run.environment.name} changed since the plan was made",
                "`invoke status`, then try again",
            )
        try:
            _run(run, postgres, undo, rehearse=True)
        except Unreachable:  # gone, or read-only: not the script's fault
            raise
        except CommandFailed as fault:
            raise Refused(
                f"the schema can't go back, and nothing was changed: {fault.message}",
                "fix the script in a new commit; or try again, if the table was only busy",
            ) from None


def undo(run: ReleaseRun, due: Sequence[PlannedMigration]) -> None:
    """Undo migrations, newest first, all or nothing; then check the history.

    Raises:
        CommandFailed: it is not what it should be; the message says what is applied.
    """
    postgres = required_postgres(run.desk, run.environment)
    with run.step("undo", listed(due)), postgres.exclusive(WAIT_FOR_LOCK):
        before = [row.version for row in postgres.history()]
        fault = _attempt(run, postgres, due)
        stand = [row.version for row in postgres.history()]
        run.schema = newest(stand)
        gone = {each.version for each in due} - set(stand)
        run.undone += tuple(each.file for each in due if each.version in gone)
        run.migrated = tuple(file for file in run.migrated if file not in run.undone)
        if stand == [each for each in before if each not in {one.version for one in due}]:
            return
        why = fault.message if fault else "the history is not what the scripts should have left"
        raise CommandFailed(
            f"the schema of {run.environment.name} did not go back: {why}"
            f"\n  | it stands at {run.schema or 'nothing'}; still there: {still_there(due, stand)}"
            f"\n  | live now: {run.live}",
            _once_more(run),
        )


def after_failed_migration(run: ReleaseRun, applied: Sequence[PlannedMigration]) -> str:
    """Undo the files that were applied before one failed, if all have a script; returns what was done.

    Never raises, so that the first error is not hidden. The caller holds the database's lock.
    """
    if not applied or not all(row.script for row in applied):
        return stays(applied) if applied else ""
    newest_first = tuple(reversed(applied))
    fault = _attempt(run, required_postgres(run.desk, run.environment), newest_first)
    if fault is not None:
        return f"STOP: {listed(applied)} could not be undone: {fault.message}"
    run.undone += tuple(each.file for each in newest_first)
    return f"undone by their rollback scripts: {listed(newest_first)}"


def due(run: ReleaseRun) -> tuple[PlannedMigration, ...]:
    """The migrations of this release that the previous code can't run with, newest first.

    () if one of them has no script.
    """
    must = rollback_scripts.required_undos(_brought(run))
    return must if all(each.script for each in must) else ()


def gone_back(run: ReleaseRun) -> bool:
    """The schema of the release that a rollback leaves is gone: its code must not be published again."""
    facts = run.plan.facts
    needed = facts.previous.detail.get("schema") if facts.previous else None
    gone = needed is not None and needed not in {row.version for row in facts.applied or ()}
    return bool(run.undone or run.restored) or (gone and facts.applied is not None)


def follow_code(
    run: ReleaseRun, error: DeskError, expected: Expected, due: Sequence[PlannedMigration]
) -> DeskError:
    """The older code is live again: undo what it can't run with, and add the result to the message."""
    try:
        if due:
            undo(run, due)
            publish.verify(run, expected)
            error.message += f"\n  | undone by their rollback scripts: {listed(due)}"
        rest = _brought(run)
        if rest and isinstance(error, TakenBack):  # of others `settle` says it
            error.message += f"\n  | {stays(rest)}"
    except DeskError as second:
        error.message += f"\n  | STOP: {second.message}"
        error.hint = f"`invoke status`; look at {run.environment.url}"
    return error


def left(run: ReleaseRun) -> str:
    """What this run has applied and not undone, in words."""
    return stays([migration for migration in run.plan.migrations if migration.file in run.migrated])


def _brought(run: ReleaseRun) -> tuple[PlannedMigration, ...]:
    """The migrations that this release, or a dead run of it, has applied; oldest first."""
    facts, postgres = run.plan.facts, postgres_of(run.desk, run.environment)
    if postgres is None or facts.rolls_back or facts.previous is None:
        return ()
    try:
        rows = {row.version for row in postgres.history()}
    except DeskError:  # what can't be read can't be undone
        return ()
    before = facts.previous.detail.get("schema")
    stood = {each.version for each in facts.applied or ()}
    new = [
        migration
        for migration in facts.committed
        if migration.version in rows
        and (_newer(migration.version, before) or migration.version not in stood)
    ]
    return judged(facts, [each for each in new if before or each.file in run.migrated])


def stays(stands: Sequence[PlannedMigration]) -> str:
    """That migrations stay applied, and what that means for the older code."""
    hard = [each for each in stands if not each.verdict.stays]
    if not hard:
        return f"{listed(stands)}; the schema stays as it is now; older code works with it"
    return (
        f"{listed(stands)}; STOP: older code may not live with {listed(hard)}:"
        " fix it with a new release soon"
    )


def listed(known: Sequence[PlannedMigration]) -> str:
    """Their file names."""
    return ", ".join(f"`{each.file}`" for each in known)


def still_there(known: Sequence[PlannedMigration], stand: Sequence[str]) -> str:
    """Those of them that are still applied."""
    return listed([each for each in known if each.version in stand]) or "none of them"


def _once_more(run: ReleaseRun) -> str | None:
    """The rollback again: it skips what is done already."""
    target = run.plan.facts.target
    again = f"`invoke rollback --env {run.environment.name} --to {target.release}`" if target else ""
    return f"the older code is live, the schema is not; again: {again}" if target else None


def _attempt(run: ReleaseRun, postgres: Postgres, due: Sequence[PlannedMigration]) -> DeskError | None:
    try:
        _run(run, postgres, due)
    except DeskError as fault:
        return fault
    return None


def _run(
    run: ReleaseRun, postgres: Postgres, due: Sequence[PlannedMigration], *, rehearse: bool = False
) -> None:
    limits = run.desk.settings.supabase
    postgres.undo(
        [(each.version, each.script.sql) for each in due if each.script],
        lock_timeout=limits.lock_timeout,
        timeout=limits.push_timeout,
        rehearse=rehearse,
        before_commit=lambda: run.lock.check(ask=True),  # this run may have been stopped for a while
    )


def _newer(version: str, than: str | None) -> bool:
    return than is None or (version != than and newest((version, than)) == version)
