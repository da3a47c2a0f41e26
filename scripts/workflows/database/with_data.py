"""A rollback takes the data back with the code: what that loses, the safety backup, and the switch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scripts.adapters.database import bare
from scripts.domain.database import backups, restoring
from scripts.domain.database.manifest import Manifest, read
from scripts.domain.database.migrations import compare, newest
from scripts.domain.database.pairs import going_back
from scripts.domain.release import ladder
from scripts.domain.release.facts import Facts
from scripts.errors import CommandFailed, DeskError, LiveUnknown, Refused
from scripts.workflows.database import keeping, losses, places, replacing
from scripts.workflows.database.at_hand import fetched, safety_backup
from scripts.workflows.database.client import database_of
from scripts.workflows.database.replacing import Source
from scripts.workflows.run.run import Run
from scripts.workflows.toolbox import Toolbox


def with_losses(tools: Toolbox, facts: Facts, backup: str) -> Facts:
    """The facts, with what going back to the backup would lose; "" looks for the newest that fits."""
    environment = facts.environment
    try:
        database = database_of(tools, environment)
        name = backup or _fitting(tools, facts).id
        with fetched(tools, environment, name, facts.ledger) as (folder, manifest):
            major = bare.major(database)
            held = _held(tools, facts, folder, manifest, major)
            pace = restoring.pace(facts.ledger.events, environment.name)
            data = losses.look(database, held, safety=environment.guarded, pace=pace)
            try:
                facts = replace(facts, keeps=keeping.look(database, held, data, facts))
            except Refused as fault:
                facts = replace(facts, no_keeps=fault.message.splitlines()[0])
    except Refused as fault:
        return replace(facts, no_data=fault.message.splitlines()[0])
    return replace(facts, data=data)


def _held(tools: Toolbox, facts: Facts, folder: Path, manifest: Manifest, major: int) -> Source:
    """The archive, if it may come here.

    Raises:
        Refused: it may not.
    """
    why = restoring.objection(manifest, facts.environment, tools.settings.app.name, major)
    if why is None and not _fits(manifest, facts):
        why = f"`{manifest.id}` holds another schema than that release"
    if why:
        raise Refused(why)
    return replacing.source(tools, folder, manifest, major)


def make_safe(run: Run) -> None:
    """Before anything changes, the present state of a guarded environment is kept, and proven."""
    if not run.environment.guarded:
        return
    with run.step("safety", "a backup of the present state, before anything changes"):
        run.safety = safety_backup(run.tools, run.environment)


def restore(run: Run) -> None:
    """The older code is live; its data follow, all or nothing, where the plan says so.

    Raises:
        CommandFailed: they did not: nothing was changed in the database, and what is live is said.
    """
    tools, environment, data = run.tools, run.environment, run.plan.facts.data
    if data is None:
        return
    keeps = run.plan.facts.keeps if run.plan.rung == "tables" else None
    database, name = database_of(tools, environment), data.manifest.id
    try:
        with fetched(tools, environment, name, run.plan.facts.ledger) as (folder, manifest):
            held = replacing.source(tools, folder, manifest, bare.major(database))
            also = keeping.taking_over(keeps, run.id, run.step) if keeps else replacing.nothing_else
            late = replacing.replace(tools, environment, held, data, mark=run.id, step=run.step, also=also)
            run.restored = {
                **data.document(),
                **(keeps.document() if keeps else {}),
                "rung": run.plan.rung,
                "late": dict(late),
                "safety_backup": run.safety,
                "way_back": _way_back(run),
            }
            with run.afterwards("analyze", "statistics of the new tables", left=replacing.STATISTICS):
                replacing.analyze(run.tools, run.environment, held)
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
        postgres = tools.postgres(environment)
        run.schema = newest(row.version for row in postgres.history()) if postgres else None


def _way_back(run: Run) -> str:
    return f"`invoke db.restore {run.safety} --env {run.environment.name}`" if run.safety else "from aside"


def _again(run: Run) -> str:
    target = run.plan.facts.target
    to = f" --to {target.release}" if target else ""
    return f"invoke rollback --env {run.environment.name}{to} --with-data"


def _fitting(tools: Toolbox, facts: Facts) -> Manifest:
    """The newest proven backup whose schema the older release lives with.

    Raises:
        Refused: there is none.
    """
    environment = facts.environment
    known = backups.known(facts.ledger, environment.name)
    for name, stores in reversed(places.where(tools, environment).items()):
        if name in known and known[name].proven:
            manifest = read(stores[0].manifest(name))
            if _fits(manifest, facts):
                return manifest
    raise Refused(f"no proven backup of {environment.name} holds the schema of that release")


def _fits(manifest: Manifest, facts: Facts) -> bool:
    comparison = compare(facts.committed, facts.applied or ())
    return ladder.fits(manifest, facts, comparison, going_back(facts, comparison))
