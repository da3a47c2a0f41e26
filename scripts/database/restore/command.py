"""`db.restore`: replace a database by a backup. `db.drop-aside`: drop the old schemas that it kept."""

from __future__ import annotations

from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups.storage import NEWEST, fetch_backup, newest_recorded
from scripts.database.backups.verify import take_safety_backup
from scripts.database.postgres import scratch
from scripts.database.postgres.client import required_database, session
from scripts.database.request import DropAsideRequest, RestoreRequest
from scripts.database.restore import in_place, losses, put_back, swap_schemas
from scripts.database.restore import plan as restore_plan
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import RestorePlan
from scripts.errors import CommandFailed, Locked, Refused
from scripts.notify import deliver, events
from scripts.notify.events import Deed, Fact
from scripts.state.ledger import Event, Ledger
from scripts.state.operation import LockedOperation, locked_operation
from scripts.state.remote import known_ledger, read_lock
from scripts.state.waiting import retry_while_locked
from scripts.system.process import quoted_lines
from scripts.system.text import listed

TASK = "db.drop-aside"
PITR = (
    "Supabase's own point-in-time restore goes to a moment, not to a backup, and takes the project down"
    " meanwhile: `supabase backups restore -t <unix time> --remote=<project ref>`; the desk never does it"
)


def restore_backup(desk: Desk, request: RestoreRequest) -> Outcome:
    """Plan, ask for consent, and restore."""
    environment = desk.settings.environment(request.env)

    def work() -> Outcome:
        if request.from_aside:
            return put_back.put_schemas_back(desk, environment, request)
        return _restore_backup(desk, environment, request)

    return retry_while_locked(
        desk, work, wait=request.wait and not request.plan, environments=[environment], yes=request.yes
    )


def _restore_backup(desk: Desk, environment: Environment, request: RestoreRequest) -> Outcome:
    ledger = _unlocked_ledger(desk, environment, request)
    database = required_database(desk, environment)
    wanted = request.backup
    if wanted == NEWEST:
        wanted = newest_recorded(ledger, environment)
    with fetch_backup(desk, environment, wanted, ledger) as (folder, manifest):
        major = scratch.server_major(database)
        why = restore_plan.objection(manifest, environment, desk.settings.app.name, major)
        if why:
            raise Refused(why, f"`invoke backup.list --env {environment.name}` shows the others")
        source = in_place.open_source(desk, folder, manifest, major)
        rate = restore_plan.last_rate(ledger.events, environment.name)
        plan = losses.plan_restore(database, source, safety=environment.guarded, rate=rate)
        _show(desk, environment, plan, ledger)
        document = {"environment": environment.name, **plan.document()}
        if request.plan:
            message = f"this is what would happen on {environment.name}; nothing was changed"
            return Outcome.done(message, PITR, **document)
        require_consent(
            desk.progress, environment, yes=request.yes, unchanged="nothing was changed", data=document
        )
        with locked_operation(
            desk, environment, restore_plan.TASK, about=manifest.id, reason=request.reason
        ) as operation:
            event = _execute(operation, source, plan)
    _notify(desk, environment, event)
    return _outcome(environment, plan, event)


def _unlocked_ledger(desk: Desk, environment: Environment, request: RestoreRequest) -> Ledger:
    """The ledger, if nobody holds the lock; for a plan, what is known of it if the remote can't be read."""
    known = known_ledger(desk)
    if known.doubt and not request.plan:
        raise CommandFailed(
            "a restore needs the environment's lock, which is in the git remote, and that can't be reached;"
            f" nothing was changed: {known.doubt.message}",
            f"`invoke db.restore {request.backup} --env {environment.name} --plan` works without it; if the"
            " remote is lost, `docs/recovery.md` says how to put another in its place",
        )
    if known.doubt:
        desk.progress.note(f"warning: {known.warning}")
    lock = read_lock(desk, known.refs, environment)
    if lock:
        hint = f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
        raise Locked(f"{environment.name} is locked by {lock}", hint)
    return known.ledger


def _show(desk: Desk, environment: Environment, plan: RestorePlan, ledger: Ledger) -> None:
    for line in plan.words(environment.name):
        desk.progress.note(line)
    live = ledger.live(environment.name)
    if live and live.built_for != plan.manifest.newest:
        desk.progress.note(
            f"  warning: {live.release} is live and was built for schema {live.built_for}, the backup has"
            f" {plan.manifest.newest}: `invoke rollback --env {environment.name} --with-data` moves both"
        )


def _execute(operation: LockedOperation, source: Source, plan: RestorePlan) -> Event:
    desk, environment = operation.desk, operation.environment
    safety = None
    if plan.safety:
        with operation.step("safety", "a backup of the present state, before anything changes"):
            safety = take_safety_backup(desk, environment)
    told = in_place.restore(
        desk, environment, source, plan, run=operation.id, step=operation.step, tell=plan.tell
    )
    with operation.optional_step("analyze", "statistics of the new tables", remedy=in_place.STATISTICS):
        in_place.analyze(desk, environment, source)
    return operation.finish(
        restore_plan.EVENT,
        "done",
        **told,
        aside=operation.id,
        safety_backup=safety,
        bytes=sum(table.bytes for table in source.manifest.tables.values()),
        reason=operation.lock.content.reason,
    )


def _outcome(environment: Environment, plan: RestorePlan, event: Event) -> Outcome:
    name, told = environment.name, event.detail
    return Outcome.done(
        f"{name} holds what `{plan.manifest.id}` holds, compared row by row;"
        f" {restore_plan.lost_rows(told, event.run, name)}{listed(plan.storage.words())}",
        f"to undo it: {restore_plan.way_back(event.run, name)};"
        f" when all is well: `invoke db.drop-aside --env {name}`",
        environment=name,
        **{key: told[key] for key in (*plan.document(), "planned", "late", "aside", "safety_backup")},
        run=event.run,
        steps=told["steps"],
    )


def _notify(desk: Desk, environment: Environment, event: Event) -> None:
    seconds = sum(float(step["seconds"]) for step in event.detail["steps"])
    deed = Deed(event.run, event.actor, event.at, seconds, str(event.detail["reason"]))
    facts = [
        Fact("backup", str(event.detail["backup"])),
        Fact("taken", str(event.detail["taken"])),
        Fact("rows lost", str(event.detail["lost"])),
    ]
    deliver.send(desk, lambda: events.of_restore(environment, deed, facts))


def drop_old_schemas(desk: Desk, request: DropAsideRequest) -> Outcome:
    """Show the old schemas, ask for consent, and drop them for good."""
    environment = desk.settings.environment(request.env)
    database = required_database(desk, environment)
    with session(database) as connection:
        schemas = swap_schemas.old_schemas(connection)
    data: dict[str, Any] = {
        "environment": environment.name,
        "aside": [{"schema": old.name, "note": old.note, "bytes": old.bytes} for old in schemas],
    }
    if not schemas:
        return Outcome.nothing(f"{environment.name} has no old schemas", **data)
    for old in schemas:
        desk.progress.note(f"{old.name}: {old.note} ({old.bytes / 1e6:.1f} MB)")
    if request.plan:
        return Outcome.done("this is what would be dropped; nothing was changed", **data)
    require_consent(desk.progress, environment, yes=request.yes, unchanged="nothing was dropped")
    names = [old.name for old in schemas]
    with locked_operation(desk, environment, TASK, about="", reason=request.reason) as operation:
        with operation.step("drop", f"{len(names)} schemas"), session(database) as connection:
            _drop(connection, names)
        operation.finish("drop-aside", "done", schemas=names)
    return Outcome.done(f"{len(names)} old schemas of {environment.name} were dropped", **data)


def _drop(connection: Any, names: list[str]) -> None:
    import psycopg

    try:
        swap_schemas.drop_old_schemas(connection, names)
    except psycopg.errors.DependentObjectsStillExist as error:
        raise CommandFailed(
            "something in use still depends on the old schemas; nothing was dropped"
            f"{quoted_lines(str(error))}"
        ) from None
