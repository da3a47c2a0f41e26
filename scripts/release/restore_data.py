"""A rollback that restores the data with the code: what it loses, the safety backup, the restore."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scripts.config.desk import Desk
from scripts.database.backups import storage
from scripts.database.backups.manifest import Manifest
from scripts.database.backups.storage import fetch_backup
from scripts.database.backups.verify import take_safety_backup
from scripts.database.migrations.files import compare, newest
from scripts.database.postgres import scratch
from scripts.database.postgres.client import postgres_of, required_database
from scripts.database.restore import in_place, losses, partial_restore, plan
from scripts.database.restore.in_place import Source
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Refused
from scripts.release import rollback_options
from scripts.release.facts import Facts
from scripts.release.run import ReleaseRun
from scripts.release.schema_rules import going_back


def with_losses(desk: Desk, facts: Facts, backup: str) -> Facts:
    """Add to the facts what restoring the backup would lose; "": the newest backup that fits."""
    environment = facts.environment
    try:
        database = required_database(desk, environment)
        name = backup or _fitting(desk, facts).id
        with fetch_backup(desk, environment, name, facts.ledger) as (folder, manifest):
            major = scratch.server_major(database)
            held = _held(desk, facts, folder, manifest, major)
            rate = plan.last_rate(facts.ledger.events, environment.name)
            data = losses.plan_restore(database, held, safety=environment.guarded, rate=rate)
            try:
                keeps = partial_restore.plan_partial_restore(
                    database, held, data, facts.left, facts.applied or ()
                )
                facts = replace(facts, keeps=keeps)
            except Refused as fault:
                facts = replace(facts, no_keeps=fault.message.splitlines()[0])
    except Refused as fault:
        return replace(facts, no_data=fault.message.splitlines()[0])
    return replace(facts, data=data)


def _held(desk: Desk, facts: Facts, folder: Path, manifest: Manifest, major: int) -> Source:
    """Open the backup as the source of a restore.

    Raises:
        Refused: it is of another app, environment or schema.
    """
    why = plan.objection(manifest, facts.environment, desk.settings.app.name, major)
    if why is None and not _fits(manifest, facts):
        why = f"`{manifest.id}` holds another schema than that release"
    if why:
        raise Refused(why)
    return in_place.open_source(desk, folder, manifest, major)


def make_safe(run: ReleaseRun) -> None:
    """Before anything changes: back up the present state of a guarded environment, and prove the backup."""
    if not run.environment.guarded:
        return
    with run.step("safety", "a backup of the present state, before anything changes"):
        run.safety = take_safety_backup(run.desk, run.environment)


def restore(run: ReleaseRun) -> None:
    """The older code is live: restore its data, all or nothing.

    Raises:
        CommandFailed: nothing was changed in the database; the message says what is live.
    """
    desk, environment, data = run.desk, run.environment, run.plan.facts.data
    if data is None:
        return
    keeps = run.plan.facts.keeps if run.plan.scope == "tables" else None
    database, name = required_database(desk, environment), data.manifest.id
    try:
        with fetch_backup(desk, environment, name, run.plan.facts.ledger) as (folder, manifest):
            held = in_place.open_source(desk, folder, manifest, scratch.server_major(database))
            merge = partial_restore.merging(keeps, run.id, run.step) if keeps else None
            late = in_place.restore(
                desk, environment, held, data, run=run.id, step=run.step, before_commit=merge
            )
            run.restored = {
                **data.document(),
                **(keeps.document() if keeps else {}),
                "scope": run.plan.scope,
                "late": dict(late),
                "safety_backup": run.safety,
                "way_back": _way_back(run),
            }
            with run.optional_step("analyze", "statistics of the new tables", remedy=in_place.STATISTICS):
                in_place.analyze(run.desk, run.environment, held)
    except LiveUnknown:
        raise
    except DeskError as fault:
        if run.restored:
            raise
        raise CommandFailed(
            f"the data of {environment.name} did not go back: {fault.message}\n  | live now: {run.live}",
            f"the older code is live, the data are not; again: `{_again(run)}`",
        ) from None
    with suppress(DeskError):
        postgres = postgres_of(desk, environment)
        run.schema = newest(row.version for row in postgres.history()) if postgres else None


def _way_back(run: ReleaseRun) -> str:
    return f"`invoke db.restore {run.safety} --env {run.environment.name}`" if run.safety else "from aside"


def _again(run: ReleaseRun) -> str:
    target = run.plan.facts.target
    to = f" --to {target.release}" if target else ""
    return f"invoke rollback --env {run.environment.name}{to} --with-data"


def _fitting(desk: Desk, facts: Facts) -> Manifest:
    """The newest proven backup whose schema the older release runs with.

    Raises:
        Refused: there is none.
    """
    environment = facts.environment
    for manifest in storage.proven_backups(desk, environment, facts.ledger):
        if _fits(manifest, facts):
            return manifest
    raise Refused(f"no proven backup of {environment.name} holds the schema of that release")


def _fits(manifest: Manifest, facts: Facts) -> bool:
    comparison = compare(facts.committed, facts.applied or ())
    return rollback_options.fits(manifest, facts, comparison, going_back(facts, comparison))
