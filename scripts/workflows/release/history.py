"""`history`: what the ledger says, oldest first."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.domain.release import ledger as ledgers
from scripts.workflows.release.observe import read_ledger
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str | None) -> Outcome:
    """The events of one environment, or of all."""
    only = tools.settings.environment(env).name if env else None
    tip = tools.git.observe([ledgers.REF]).get(ledgers.REF)
    events = [
        event.document() for event in read_ledger(tools, tip).events if only in (None, event.environment)
    ]
    if not events:
        return Outcome.nothing("the ledger is empty: nothing was released yet", events=[])
    return Outcome.done(f"{len(events)} events", events=events)
