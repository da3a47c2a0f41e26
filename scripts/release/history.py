"""`history`: what the ledger says, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import UsageError
from scripts.release import history_rows
from scripts.release.dora import Figures, stats
from scripts.release.request import HistoryRequest
from scripts.state.ledger import Choice, Ledger
from scripts.state.remote import fetch_ledger


def history(desk: Desk, request: HistoryRequest) -> Outcome:
    """The events of one environment, or of all."""
    only = desk.settings.environment(request.env).name if request.env else None
    if request.limit < 0:
        raise UsageError(f"`{request.limit}` is no number of events", "`-n 20`, or `-n 0` for all")
    ledger = fetch_ledger(desk).ledger
    for doubt in ledger.problems(desk.settings.chain):
        desk.progress.note(f"warning: {doubt}")
    count = ledger.count(only)
    if not count:
        return Outcome.nothing("the ledger is empty: nothing was released yet", count=0, events=[])
    data: dict[str, Any] = {"count": count}
    if request.json:  # people see the newest alone: no other is read
        data["events"] = [each.document() for each in ledger.newest(Choice(only))][::-1]
    if request.stats:
        names = [only] if only else [*desk.settings.chain]
        data["stats"] = [each.document() for each in dora_of(desk, ledger, names)]
    else:
        data["shown"] = _shown(desk, ledger, only, request.limit)
    return Outcome.done(f"{count} events", **data)


def _shown(desk: Desk, ledger: Ledger, only: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest events as people read them, newest first; `limit` 0: all."""
    newest_first = [*islice(ledger.newest(Choice(only)), limit or None)]
    subjects = desk.git.subjects([event.commit for event in newest_first if event.commit])
    return [history_rows.row(event, subjects.get(event.commit, ""), ledger) for event in newest_first]


def dora_of(desk: Desk, ledger: Ledger, environments: Sequence[str]) -> list[Figures]:
    """DORA's figures; git knows the dates of the commits."""
    commits = [each.commit for each in ledger.events if each.environment in environments and each.commit]
    return stats(ledger.events, environments, desk.git.dated(commits), desk.now())
