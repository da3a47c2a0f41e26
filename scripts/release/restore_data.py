"""What a rollback with its data would lose: which backup fits, and what was written since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scripts.config.desk import Desk
from scripts.database.backups import storage
from scripts.database.backups.manifest import Manifest
from scripts.database.backups.storage import fetch_backup
from scripts.database.migrations.files import compare
from scripts.database.postgres import scratch
from scripts.database.postgres.client import required_database
from scripts.database.restore import in_place, losses, partial_restore, plan
from scripts.database.restore.in_place import Source
from scripts.errors import Refused
from scripts.release import rollback_options
from scripts.release.facts import Facts
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
