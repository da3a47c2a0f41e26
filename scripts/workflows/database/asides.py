"""`db.drop-aside`: what restores moved aside is shown, and dropped when somebody says so."""

from __future__ import annotations

from typing import Any

from scripts.adapters.database import aside
from scripts.adapters.database.session import session
from scripts.domain.outcome import Outcome
from scripts.errors import CommandFailed, Declined
from scripts.shell.runner import quoted
from scripts.workflows.database.client import database_of
from scripts.workflows.release.carry_out import Consent
from scripts.workflows.run.errand import errand
from scripts.workflows.toolbox import Toolbox

TASK = "db.drop-aside"


def run(tools: Toolbox, *, env: str, reason: str, plan: bool, yes: bool) -> Outcome:
    """Drop all of it, for good."""
    environment = tools.settings.environment(env)
    consent = Consent(plan, yes, reason)
    database = database_of(tools, environment)
    with session(database) as connection:
        found = aside.asides(connection)
    data: dict[str, Any] = {
        "environment": environment.name,
        "aside": [{"schema": name, "note": note, "bytes": size} for name, note, size in found],
    }
    if not found:
        return Outcome.nothing(f"nothing stands aside in {environment.name}", **data)
    for name, note, size in found:
        tools.progress.note(f"{name}: {note} ({size / 1e6:.1f} MB)")
    if consent.plan_only:
        return Outcome.done("this is what would be dropped; nothing was changed", **data)
    if not consent.yes and not tools.progress.confirm(environment.name):
        raise Declined(
            "nobody confirmed: nothing was dropped", "type the environment's name, or say `--yes`"
        )
    with errand(tools, environment, TASK, about="", reason=consent.reason) as work:
        with work.step("drop", f"{len(found)} schemas"), session(database) as connection:
            _drop(connection, [name for name, _, _ in found])
        work.finish("drop-aside", "done", schemas=[name for name, _, _ in found])
    return Outcome.done(f"{len(found)} schemas that stood aside in {environment.name} are gone", **data)


def _drop(connection: object, names: list[str]) -> None:
    import psycopg

    try:
        aside.drop(connection, names)  # type: ignore[arg-type]
    except psycopg.errors.DependentObjectsStillExist as fault:
        raise CommandFailed(
            f"something in use still needs what stands aside; nothing was dropped{quoted(str(fault))}"
        ) from None
