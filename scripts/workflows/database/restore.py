"""`db.restore`: an environment's database becomes what a backup holds; the present state stays aside."""

from __future__ import annotations

from typing import Any

from scripts.adapters.database import bare
from scripts.domain.database import restoring
from scripts.domain.database.restoring import TASK, Restoring
from scripts.domain.notices import notice as notices
from scripts.domain.notices.notice import Deed
from scripts.domain.outcome import Outcome
from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.settings import Environment
from scripts.errors import Declined, Locked, Refused
from scripts.workflows.database import losses, replacing
from scripts.workflows.database.at_hand import fetched, safety_backup
from scripts.workflows.database.client import database_of
from scripts.workflows.database.replacing import Source
from scripts.workflows.notices import tell
from scripts.workflows.release.carry_out import Consent
from scripts.workflows.release.observe import observe_remote, read_lock
from scripts.workflows.run.errand import Errand, errand
from scripts.workflows.run.patience import patiently
from scripts.workflows.toolbox import Toolbox

PITR = (
    "Supabase's own point-in-time restore goes to a moment, not to a backup, and takes the project down"
    " meanwhile: `supabase backups restore -t <unix time> --remote=<project ref>`; the desk never does it"
)


def run(
    tools: Toolbox,
    *,
    env: str,
    backup: str,
    reason: str,
    plan: bool,
    yes: bool,
    wait: bool,
) -> Outcome:
    """Look, plan, ask, and replace."""
    environment, consent = tools.settings.environment(env), Consent(plan, yes, reason)

    def work() -> Outcome:
        return restore(tools, environment, backup, consent)

    return patiently(tools, work, wait=wait and not plan)


def restore(tools: Toolbox, environment: Environment, backup: str, consent: Consent) -> Outcome:
    """From the plan to a database that equals the backup, or to the reason why not."""
    ledger = _free(tools, environment)
    database = database_of(tools, environment)
    with fetched(tools, environment, backup, ledger) as (folder, manifest):
        major = bare.major(database)
        why = restoring.objection(manifest, environment, tools.settings.app.name, major)
        if why:
            raise Refused(why, f"`invoke backup.list --env {environment.name}` shows the others")
        held = replacing.source(tools, folder, manifest, major)
        pace = restoring.pace(ledger.events, environment.name)
        plan = losses.look(database, held, safety=environment.guarded, pace=pace)
        _show(tools, environment, plan, ledger)
        if consent.plan_only:
            said = f"this is what would happen on {environment.name}; nothing was changed"
            return Outcome.done(said, PITR, **_document(environment, plan))
        _confirm(tools, environment, plan, consent)
        with errand(tools, environment, TASK, about=manifest.id, reason=consent.reason) as work:
            event = _carried_out(work, held, plan)
    _tell(tools, environment, event, plan)
    return _restored(environment, plan, event)


def _free(tools: Toolbox, environment: Environment) -> Ledger:
    remote = observe_remote(tools)
    lock = read_lock(tools, remote.refs, environment)
    if lock:
        hint = f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
        raise Locked(f"{environment.name} is locked by {lock}", hint)
    return remote.ledger


def _show(tools: Toolbox, environment: Environment, plan: Restoring, ledger: Ledger) -> None:
    for line in plan.words(environment.name):
        tools.progress.note(line)
    live = ledger.live(environment.name)
    if live and live.built_for != plan.manifest.newest:
        tools.progress.note(
            f"  warning: {live.release} is live and was built for schema {live.built_for}, the backup has"
            f" {plan.manifest.newest}: `invoke rollback --env {environment.name} --with-data` moves both"
        )


def _confirm(tools: Toolbox, environment: Environment, plan: Restoring, consent: Consent) -> None:
    """Rows are at stake: a person types the environment's name, wherever it is; CI says `--yes`."""
    if consent.yes or tools.progress.confirm(environment.name):
        return
    fault = Declined(
        "nobody confirmed: nothing was changed", "type the environment's name when asked, or say `--yes`"
    )
    fault.data = _document(environment, plan)
    raise fault


def _carried_out(work: Errand, held: Source, plan: Restoring) -> Event:
    tools, environment = work.tools, work.environment
    safety = None
    if plan.safety:
        with work.step("safety", "a backup of the present state, before anything changes"):
            safety = safety_backup(tools, environment)
    late = replacing.replace(tools, environment, held, plan, mark=work.id, step=work.step)
    with work.afterwards("analyze", "statistics of the new tables", left=replacing.STATISTICS):
        replacing.analyze(tools, environment, held)
    return work.finish(
        "restore",
        "done",
        **plan.document(),
        late=dict(late),
        safety_backup=safety,
        bytes=sum(table.bytes for table in held.manifest.tables.values()),
        reason=work.holding.lock.reason,
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


def _tell(tools: Toolbox, environment: Environment, event: Event, plan: Restoring) -> None:
    took = sum(float(each["seconds"]) for each in event.detail["steps"])
    deed = Deed(event.run, event.actor, event.at, took, str(event.detail["reason"]))
    facts = [("backup", plan.manifest.id), ("taken", plan.manifest.started), ("rows lost", str(plan.lost))]
    tell.tell(tools, notices.of_restore(environment, deed, facts))


def _document(environment: Environment, plan: Restoring) -> dict[str, Any]:
    return {"environment": environment.name, **plan.document()}
