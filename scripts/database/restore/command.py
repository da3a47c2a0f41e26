"""`db.restore`: an environment's database becomes what a backup holds; the present state stays aside."""

from __future__ import annotations

from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups.storage import fetch_backup
from scripts.database.backups.verify import take_safety_backup
from scripts.database.postgres import scratch
from scripts.database.postgres.client import required_database, session
from scripts.database.request import DropAsideRequest, RestoreRequest
from scripts.database.restore import in_place, losses, swap_schemas
from scripts.database.restore import plan as restore_plan
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import TASK as RESTORE_TASK
from scripts.database.restore.plan import Restoring
from scripts.errors import CommandFailed, Locked, Refused
from scripts.notify import deliver, events
from scripts.notify.events import Deed, Fact
from scripts.state.held_lock import retry_while_locked
from scripts.state.ledger import Event, Ledger
from scripts.state.operation import LockedOperation, locked_operation
from scripts.state.remote import observe_remote, read_lock
from scripts.system.process import quoted_lines

PITR = (
    "Supabase's own point-in-time restore goes to a moment, not to a backup, and takes the project down"
    " meanwhile: `supabase backups restore -t <unix time> --remote=<project ref>`; the desk never does it"
)


def restore_backup(desk: Desk, request: RestoreRequest) -> Outcome:
    """Look, plan, ask, and replace."""
    environment = desk.settings.environment(request.env)

    def work() -> Outcome:
        return restore(desk, environment, request)

    return retry_while_locked(desk, work, wait=request.wait and not request.plan)


def restore(desk: Desk, environment: Environment, request: RestoreRequest) -> Outcome:
    """From the plan to a database that equals the request.backup, or to the reason why not."""
    ledger = _free(desk, environment)
    database = required_database(desk, environment)
    with fetch_backup(desk, environment, request.backup, ledger) as (folder, manifest):
        major = scratch.server_major(database)
        why = restore_plan.objection(manifest, environment, desk.settings.app.name, major)
        if why:
            raise Refused(why, f"`invoke backup.list --env {environment.name}` shows the others")
        held = in_place.source(desk, folder, manifest, major)
        pace = restore_plan.pace(ledger.events, environment.name)
        plan = losses.look(database, held, safety=environment.guarded, pace=pace)
        _show(desk, environment, plan, ledger)
        if request.plan:
            said = f"this is what would happen on {environment.name}; nothing was changed"
            return Outcome.done(said, PITR, **_document(environment, plan))
        require_consent(
            desk.progress,
            environment.name,
            yes=request.yes,
            unchanged="nothing was changed",
            data=_document(environment, plan),
        )
        with locked_operation(
            desk, environment, RESTORE_TASK, about=manifest.id, reason=request.reason
        ) as work:
            event = _carried_out(work, held, plan)
    _tell(desk, environment, event, plan)
    return _restored(environment, plan, event)


def _free(desk: Desk, environment: Environment) -> Ledger:
    remote = observe_remote(desk)
    lock = read_lock(desk, remote.refs, environment)
    if lock:
        hint = f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
        raise Locked(f"{environment.name} is locked by {lock}", hint)
    return remote.ledger


def _show(desk: Desk, environment: Environment, plan: Restoring, ledger: Ledger) -> None:
    for line in plan.words(environment.name):
        desk.progress.note(line)
    live = ledger.live(environment.name)
    if live and live.built_for != plan.manifest.newest:
        desk.progress.note(
            f"  warning: {live.release} is live and was built for schema {live.built_for}, the backup has"
            f" {plan.manifest.newest}: `invoke rollback --env {environment.name} --with-data` moves both"
        )


def _carried_out(work: LockedOperation, held: Source, plan: Restoring) -> Event:
    desk, environment = work.desk, work.environment
    safety = None
    if plan.safety:
        with work.step("safety", "a backup of the present state, before anything changes"):
            safety = take_safety_backup(desk, environment)
    late = in_place.replace(desk, environment, held, plan, mark=work.id, step=work.step)
    with work.optional_step("analyze", "statistics of the new tables", remedy=in_place.STATISTICS):
        in_place.analyze(desk, environment, held)
    return work.finish(
        "restore",
        "done",
        **plan.document(),
        late=dict(late),
        safety_backup=safety,
        bytes=sum(table.bytes for table in held.manifest.tables.values()),
        reason=work.lock.content.reason,
    )


def _restored(environment: Environment, plan: Restoring, event: Event) -> Outcome:
    name, late = environment.name, event.detail["late"]
    grown = ", ".join(f"{table} {rows:+d}" for table, rows in late.items())
    safety = event.detail["safety_backup"]
    way = f"`invoke db.restore {safety} --env {name}`" if safety else "from the schemas that stand aside"
    return Outcome.done(
        f"{name} holds what `{plan.manifest.id}` holds, compared row by row; {plan.lost} rows are gone"
        + (f"\n  | written after the plan, and aside too: {grown}" if grown else ""),
        f"back again: {way}; when all is well: `invoke db.drop-aside --env {name}`",
        **_document(environment, plan),
        run=event.run,
        safety_backup=safety,
        late=late,
        steps=event.detail["steps"],
    )


def _tell(desk: Desk, environment: Environment, event: Event, plan: Restoring) -> None:
    took = sum(float(each["seconds"]) for each in event.detail["steps"])
    deed = Deed(event.run, event.actor, event.at, took, str(event.detail["reason"]))
    facts = [
        Fact("backup", plan.manifest.id),
        Fact("taken", plan.manifest.started),
        Fact("rows lost", str(plan.lost)),
    ]
    deliver.send(desk, lambda: events.of_restore(environment, deed, facts))


def _document(environment: Environment, plan: Restoring) -> dict[str, Any]:
    return {"environment": environment.name, **plan.document()}


# `db.drop-aside`: what restores moved aside is shown, and dropped when somebody says so.


TASK = "db.drop-aside"


def drop_old_schemas(desk: Desk, request: DropAsideRequest) -> Outcome:
    """Drop all of it, for good."""
    environment = desk.settings.environment(request.env)
    database = required_database(desk, environment)
    with session(database) as connection:
        found = swap_schemas.asides(connection)
    data: dict[str, Any] = {
        "environment": environment.name,
        "aside": [{"schema": name, "note": note, "bytes": size} for name, note, size in found],
    }
    if not found:
        return Outcome.nothing(f"nothing stands aside in {environment.name}", **data)
    for name, note, size in found:
        desk.progress.note(f"{name}: {note} ({size / 1e6:.1f} MB)")
    if request.plan:
        return Outcome.done("this is what would be dropped; nothing was changed", **data)
    require_consent(desk.progress, environment.name, yes=request.yes, unchanged="nothing was dropped")
    with locked_operation(desk, environment, TASK, about="", reason=request.reason) as work:
        with work.step("drop", f"{len(found)} schemas"), session(database) as connection:
            _drop(connection, [name for name, _, _ in found])
        work.finish("drop-aside", "done", schemas=[name for name, _, _ in found])
    return Outcome.done(f"{len(found)} schemas that stood aside in {environment.name} are gone", **data)


def _drop(connection: object, names: list[str]) -> None:
    import psycopg

    try:
        swap_schemas.drop(connection, names)  # type: ignore[arg-type]
    except psycopg.errors.DependentObjectsStillExist as fault:
        raise CommandFailed(
            f"something in use still needs what stands aside; nothing was dropped{quoted_lines(str(fault))}"
        ) from None
