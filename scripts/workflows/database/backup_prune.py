"""`backup.prune`: what nobody needs any more is removed, everywhere; and what was never finished."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from scripts.adapters.database import workplace
from scripts.domain.database import backups, retention
from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.errors import Declined
from scripts.workflows.database import places
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.toolbox import Toolbox

UNFINISHED = 24 * 3600.0  # seconds after which an upload without a manifest is one of a dead run


def run(tools: Toolbox, *, env: str, plan: bool, yes: bool) -> Outcome:
    """Say what goes and why the others stay; then ask, and remove."""
    environment = tools.settings.environment(env)
    there = places.where(tools, environment)
    stay = _reasons(tools, environment, tuple(there))
    gone = [each for each in there if each not in stay]
    for name in there:
        tools.progress.note(f"{name}: {'stays, ' + stay[name] if name in stay else 'goes'}")
    data: dict[str, Any] = {"environment": environment.name, "kept": stay, "removed": gone}
    if plan:
        return Outcome.done(f"{len(gone)} of {len(there)} backups would go; nothing was changed", **data)
    if gone and not (yes or tools.progress.confirm(environment.name)):
        raise Declined(
            "nobody confirmed: nothing was removed", "type the environment's name, or say `--yes`"
        )
    for name in gone:
        for store in reversed(there[name]):  # the far copy first: what is left is at hand
            store.remove(name)
    cleared = _cleared(tools, environment)
    if not gone and not cleared:
        return Outcome.nothing(f"all {len(there)} backups are still wanted", **data)
    more = f"; {len(cleared)} that were never finished too" if cleared else ""
    return Outcome.done(f"{len(gone)} of {len(there)} backups removed{more}", **data, cleared=cleared)


def _reasons(tools: Toolbox, environment: Environment, ids: tuple[str, ...]) -> dict[str, str]:
    ledger, keep = observe_remote(tools).ledger, tools.settings.backup
    known = backups.known(ledger, environment.name)
    return retention.reasons(
        backups.stored(ids, known),
        retention.Kept(keep.keep_daily, keep.keep_weekly, keep.keep_monthly),
        datetime.fromisoformat(tools.now()),
        backups.needed(ledger, environment.name),
    )


def _cleared(tools: Toolbox, environment: Environment) -> list[str]:
    gone = workplace.clear(places.folder(tools, environment).folder)
    far = places.bucket(tools, environment)
    now = time.time()
    return [*gone, *(far.clear(lambda at: now - at > UNFINISHED) if far else [])]
