"""A dead restore: its one transaction arrived or it did not, and the server says which."""

from __future__ import annotations

from dataclasses import replace

from scripts.adapters.git import StaleError
from scripts.domain.database.restoring import TASK
from scripts.domain.outcome import Outcome
from scripts.domain.release.lock import Lock
from scripts.domain.settings import Environment
from scripts.workflows.database import asides, refresh, replacing
from scripts.workflows.database.client import database_of
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.run.begin import locked
from scripts.workflows.run.errand import begun
from scripts.workflows.toolbox import Toolbox

TASKS = (TASK, asides.TASK, refresh.TASK)


def recover(tools: Toolbox, environment: Environment, held_by: str, dead: Lock) -> Outcome:
    """Take its lock, end its sessions, and write down what is true."""
    fresh = replace(
        dead,
        run=tools.new_id(),
        nonce=tools.new_id(),
        actor=tools.actor,
        host=tools.host,
        acquired_at=tools.now(),
        step="lock",
        beat=0,
    )
    work = begun(tools, environment, fresh, observe_remote(tools).ledger.tip)
    try:
        work.holding.take(held_by, dead)
    except StaleError:
        raise locked(tools, environment) from None
    name, backup = environment.name, dead.release
    postgres = tools.postgres(environment)
    if postgres:
        postgres.end_desks()
    database = database_of(tools, environment)
    if dead.task == refresh.TASK and replacing.settled(tools, database, dead.run):
        work.finish("refresh", "done", backup=backup, of_run=dead.run, reason=dead.reason)
        refresh.tidy(tools, environment)
        return Outcome.done(f"run {dead.run} had refreshed {name}, whole and masked; the ledger has it")
    if dead.task == TASK and replacing.settled(tools, database, dead.run):
        work.finish("restore", "done", backup=backup, of_run=dead.run, reason=dead.reason)
        return Outcome.done(
            f"run {dead.run} had restored {name} from `{backup}`, whole and compared; the ledger has it",
            f"what was before stands aside: `invoke db.drop-aside --env {name}`",
            backup=backup,
        )
    work.finish(work.kind, "error", backup=backup or None, of_run=dead.run, reason="it died before its end")
    return Outcome.done(
        f"run {dead.run} (`{dead.task}`) died before its end: {name} is as it was; its lock is free",
        f"again: `{_again(dead.task, name, backup)}`" if dead.task != asides.TASK else None,
        backup=backup or None,
    )


def _again(task: str, name: str, backup: str) -> str:
    return (
        f"invoke db.refresh --to {name}"
        if task == refresh.TASK
        else f"invoke db.restore {backup} --env {name}"
    )
