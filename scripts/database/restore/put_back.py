"""`db.restore RUN --from-aside`: put back the schemas that a restore or a rollback kept."""

from __future__ import annotations

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups.verify import take_safety_backup
from scripts.database.postgres.client import required_database
from scripts.database.postgres.content import read_snapshot
from scripts.database.request import RestoreRequest
from scripts.database.restore import counts, way_back
from scripts.database.restore.kept import Kept
from scripts.database.restore.plan import EVENT, TASK, Change, Counts, document_of, lost_rows
from scripts.database.restore.plan import way_back as command
from scripts.state.ledger import Event
from scripts.state.operation import LockedOperation, locked_operation


def put_schemas_back(desk: Desk, environment: Environment, request: RestoreRequest) -> Outcome:
    """Show what would be lost, ask for consent, and put them back.

    Raises:
        Refused: the run kept nothing that could be put back.
    """
    kept = way_back.find(desk, environment, request.backup)
    document = {
        "environment": environment.name,
        "from_run": kept.run,
        **document_of(_so_far(desk, environment, kept)),
    }
    names = ", ".join(f"`{schema}`" for schema in kept.schemas)
    desk.progress.note(f"put back {names} of {environment.name}, kept {kept.what}")
    for words in document["details"] or ["no row was written since"]:
        desk.progress.note(f"  so far: {words}")
    if request.plan:
        message = f"this is what would happen on {environment.name}; nothing was changed"
        return Outcome.done(message, **document)
    require_consent(
        desk.progress, environment, yes=request.yes, unchanged="nothing was changed", data=document
    )
    with locked_operation(desk, environment, TASK, about=kept.run, reason=request.reason) as operation:
        event = _execute(operation, kept, int(document["lost"]))
    return _outcome(environment, kept, event)


def _so_far(desk: Desk, environment: Environment, kept: Kept) -> Counts:
    """What putting it back would take away now: the reverse of what the switch took away."""
    with read_snapshot(required_database(desk, environment)) as reader:
        found = counts.count(reader, kept.schemas)
    changes = [
        Change(each.table, each.now, each.before, each.deleted, each.updated, each.inserted)
        for each in found.changes
    ]
    new = {each.table: each.inserted for each in changes if each.table not in found.was}
    return Counts(tuple(each for each in changes if each.table in found.was), new)


def _execute(operation: LockedOperation, kept: Kept, said: int) -> Event:
    desk, environment = operation.desk, operation.environment
    safety = None
    if environment.guarded:
        with operation.step("safety", "a backup of the present state, before anything changes"):
            safety = take_safety_backup(desk, environment)
    back = way_back.put_back(desk, environment, kept, run=operation.id, step=operation.step)
    found = document_of(back.counts if back else Counts((), {}))
    return operation.finish(
        EVENT,
        "done",
        **found,
        backup=None,
        from_run=kept.run,
        planned=said,
        late={},
        aside=operation.id,
        safety_backup=safety,
        reason=operation.lock.content.reason,
    )


def _outcome(environment: Environment, kept: Kept, event: Event) -> Outcome:
    name, told = environment.name, event.detail
    keys = ("from_run", "tables", "new", "lost", "planned", "late", "aside", "safety_backup", "steps")
    return Outcome.done(
        f"{name} holds again what it held before run {kept.run}; {lost_rows(told, event.run, name)}",
        f"to undo it: {command(event.run, name)}; when all is well: `invoke db.drop-aside --env {name}`",
        environment=name,
        **{key: told[key] for key in keys},
        run=event.run,
    )
