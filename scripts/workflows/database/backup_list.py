"""`backup.list`: every backup with its age, size, proof and place; `--check` is for the nightly job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scripts.adapters.database.store import Store
from scripts.domain.database import backups
from scripts.domain.database.backups import Known
from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.workflows.database import places
from scripts.workflows.notices import tell
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str | None, check: bool) -> Outcome:
    """Look into every place and into the ledger."""
    settings = tools.settings
    asked = [settings.environment(env)] if env else [each for each in settings if each.database]
    ledger = observe_remote(tools).ledger
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for environment in asked:
        known = backups.known(ledger, environment.name)
        there = places.where(tools, environment)
        rows += [_row(tools, environment, name, stores, known) for name, stores in there.items()]
        if check and (env or environment.guarded):
            problems += _checked(tools, environment, known, tuple(there))
    if problems:
        listed = "".join(f"\n  | {each}" for each in problems)
        return Outcome.failed(
            f"nobody could rely on the backups:{listed}", "`invoke backup --env ENV`", backups=rows
        )
    return Outcome.done(f"{len(rows)} backup{'' if len(rows) == 1 else 's'}", backups=rows)


def _checked(
    tools: Toolbox, environment: Environment, known: Mapping[str, Known], there: Sequence[str]
) -> list[str]:
    """What is wrong, told to the team as well."""
    why = backups.stale(known, tools.now(), tools.settings.backup.max_age, there)
    if why is None:
        return []
    tell.backup_failed(tools, environment, Refused(why, f"`invoke backup --env {environment.name}`"))
    return [f"{environment.name}: {why}"]


def _row(
    tools: Toolbox, environment: Environment, name: str, stores: Sequence[Store], known: Mapping[str, Known]
) -> dict[str, Any]:
    told = known.get(name)
    taken = backups.taken_at(name)
    age = (datetime.fromisoformat(tools.now()) - taken).total_seconds() / 3600
    return {
        "backup": name,
        "environment": environment.name,
        "kind": backups.kind_of(name),
        "at": taken.isoformat(timespec="seconds"),
        "age_hours": round(age, 1),
        "bytes": told.bytes if told else None,
        "rows": told.rows if told else None,
        "proven": bool(told and told.proven),
        "proven_at": (told.proven or None) if told else None,
        "fault": (told.fault or None) if told else None,
        "places": [each.place for each in stores],
    }
