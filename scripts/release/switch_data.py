"""A rollback takes the data back before it publishes the older code; if that fails, back they go.

The order is chosen for its failures. Whatever fails before the commit has changed nothing. What fails after
it is answered by renaming schemas in one transaction, which needs neither Replit nor a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups.storage import fetch_backup
from scripts.database.backups.verify import take_safety_backup
from scripts.database.migrations.files import newest
from scripts.database.postgres import scratch
from scripts.database.postgres.client import postgres_of, required_database
from scripts.database.restore import in_place, way_back
from scripts.database.restore import plan as restore_plan
from scripts.database.restore.in_place import Source, Step
from scripts.database.restore.kept import Kept
from scripts.database.restore.partial_restore import Merging
from scripts.database.restore.plan import Counts, RestorePlan
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, LiveUnknown, Refused
from scripts.release.run import ReleaseRun
from scripts.state.ledger import Ledger

BACK = "b"  # after the run's id: what it keeps when it puts back what it kept
SWITCH = "switch"  # the step that commits


def take_back(run: ReleaseRun) -> None:
    """Rehearse the whole, back up the present state, and switch the data; nothing if they are switched.

    Raises:
        CommandFailed: nothing was changed in the database.
        LiveUnknown: nobody knows whether the switch was committed.
    """
    data = run.plan.facts.data
    if data is None or run.switched:
        return
    with _unchanged(run), _source(run, data) as source:
        with run.step("rehearse", f"`{data.manifest.id}` restored and compared, then rolled back"):
            _rehearse(run, source, data)
        if run.environment.guarded:
            with run.step("safety", "a backup of the present state, before anything changes"):
                run.safety = take_safety_backup(run.desk, run.environment)
        _switch(run, source, data)
    run.restored_tables = source.lists.tables
    _look_at_history(run)


def _rehearse(run: ReleaseRun, source: Source, data: RestorePlan) -> None:
    """There and back again. That the way back fails is no reason to stay: it is said."""
    import psycopg

    def back(connection: psycopg.Connection[Any], kept: Kept) -> None:
        try:
            way_back.rehearse(connection, kept, f"{run.id}{BACK}")
        except (psycopg.Error, CommandFailed) as fault:
            run.desk.progress.note(
                f"warning: if the Publish fails, the present data can't be put back: {fault}"
            )

    in_place.rehearse(
        run.desk,
        run.environment,
        source,
        data,
        run=run.id,
        before_commit=_merging(run, lambda *_: nullcontext()),
        way_back=back,
    )


def _switch(run: ReleaseRun, source: Source, data: RestorePlan) -> None:
    keeps, merging = run.plan.facts.keeps, _merging(run, run.step)

    def tell(counts: Counts) -> dict[str, Any]:
        told = data.tell(counts, keeps.lost_rows() if keeps and merging else None)
        if keeps and merging:
            told |= {"touched": list(keeps.touched), "kept": dict(merging.kept)}
        return {
            **told,
            "scope": run.plan.scope,
            "aside": run.id,
            "safety_backup": run.safety,
            "way_back": restore_plan.way_back(run.id, run.environment.name),
        }

    run.restored = dict(
        in_place.restore(
            run.desk,
            run.environment,
            source,
            data,
            run=run.id,
            step=run.step,
            before_commit=merging,
            tell=tell,
            final=False,
        )
    )
    run.switched = run.id


def analyze(run: ReleaseRun) -> None:
    """Collect statistics of the tables that this run has restored."""
    if run.restored_tables:
        with run.optional_step("analyze", "statistics of the new tables", remedy=in_place.STATISTICS):
            in_place.analyze_tables(run.desk, run.environment, run.restored_tables)


def find_own(run: ReleaseRun) -> None:
    """Ask the server whether this run's switch was committed, if it had come to that.

    Raises:
        LiveUnknown: the server does not come back.
    """
    if not run.switched and any(step["name"] == SWITCH for step in run.steps):
        found(run, unrecorded(run.desk, run.environment, run.plan.facts.ledger))


def found(run: ReleaseRun, kept: Kept | None) -> None:
    """The data are switched already, and this is what is kept."""
    if kept:
        run.switched, run.restored = kept.run, dict(kept.outcome)


def unrecorded(desk: Desk, environment: Environment, ledger: Ledger) -> Kept | None:
    """What the switch of a rollback keeps that no event of the ledger tells of: its run has not ended.

    Only the holder of the environment's lock may rely on it: then no other run is at work.

    Raises:
        LiveUnknown: the server does not come back.
    """
    known = {event.run for event in ledger.events}
    known |= {str((event.detail.get("restored") or {}).get("aside")) for event in ledger.events}
    try:
        sets = way_back.kept_sets(desk, environment)
    except DeskError as error:
        raise LiveUnknown(
            f"it is not known which data {environment.name} has: {error.message}",
            f"when the server is back: `invoke resume --env {environment.name}`",
            resumable=True,
        ) from None
    open_ = [kept for kept in sets if kept.outcome.get("scope") and kept.run not in known]
    return open_[-1] if open_ else None


def put_back(run: ReleaseRun) -> str:
    """Give the present data their place back; returns that, in words.

    Raises:
        DeskError: they are not back, or nobody knows.
    """
    desk, environment = run.desk, run.environment
    kept, aside = way_back.find(desk, environment, run.switched), f"{run.id}{BACK}"
    back = way_back.put_back(
        desk, environment, kept, run=aside, step=run.step, final=False, drop_unwritten=True
    )
    run.switched, run.restored, run.restored_tables = "", None, ()
    _look_at_history(run)
    said = f"the data of {environment.name} are those of before again, every row"
    if back is None or not back.aside:
        return said
    told = restore_plan.document_of(back.counts)
    return f"{said}; meanwhile written: {restore_plan.lost_rows(told, aside, environment.name)}"


def words(run: ReleaseRun) -> str:
    """Which data the environment has, and how to get the others; "" if they were not switched."""
    if not (run.switched and run.restored):
        return ""
    return (
        f"\n  | the data are those of `{run.restored['backup']}`;"
        f" back to those of before: {run.restored['way_back']}"
    )


@contextmanager
def _source(run: ReleaseRun, data: RestorePlan) -> Iterator[Source]:
    """The backup, fetched and decrypted once for the rehearsal and the switch."""
    major = scratch.server_major(required_database(run.desk, run.environment))
    name, ledger = data.manifest.id, run.plan.facts.ledger
    with fetch_backup(run.desk, run.environment, name, ledger) as (folder, manifest):
        yield in_place.open_source(run.desk, folder, manifest, major)


def _merging(run: ReleaseRun, step: Step) -> Merging | None:
    keeps = run.plan.facts.keeps
    return Merging(keeps, run.id, step) if keeps and run.plan.scope == "tables" else None


@contextmanager
def _unchanged(run: ReleaseRun) -> Iterator[None]:
    """What fails here has changed nothing, which the error says, with what can be tried."""
    try:
        yield
    except (CommandFailed, CommandTimedOut, Refused) as fault:
        if run.switched:
            raise
        target = run.plan.facts.target
        again = f"invoke rollback --env {run.environment.name}{f' --to {target.release}' if target else ''}"
        tables = run.plan.scope == "tables"
        whole = f"; all tables instead: `{again} --scope full`" if tables else ""
        raise CommandFailed(
            f"the data of {run.environment.name} did not go back: {fault.message}"
            f"\n  | nothing was changed; live now: {run.live}",
            f"{f'{fault.hint}; ' if fault.hint else ''}again: `{again} --with-data`{whole}",
        ) from None


def _look_at_history(run: ReleaseRun) -> None:
    with suppress(DeskError):
        postgres = postgres_of(run.desk, run.environment)
        run.schema = newest(row.version for row in postgres.history()) if postgres else None
