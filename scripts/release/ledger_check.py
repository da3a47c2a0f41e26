"""`ledger.check` and `ledger.repair`: what in the ledger is no event; and an event that says so."""

from __future__ import annotations

from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.git.chain import TRUSTED
from scripts.release.request import LedgerCheckRequest, LedgerRepairRequest
from scripts.state.event_rules import CORRECTION
from scripts.state.ledger import FILE, Ledger, event_of
from scripts.state.remote import fetch_ledger, record

SHORTEST = 7  # digits of a commit that is named


def check(desk: Desk, _request: LedgerCheckRequest) -> Outcome:
    """Read every commit of the ledger; fails while one is skipped that was not corrected."""
    ledger = fetch_ledger(desk).ledger
    desk.progress.show([str(doubt) for doubt in ledger.doubts])
    strangers = ledger.strangers(desk.settings.chain)
    for name, count in strangers.items():
        desk.progress.show([f"{count} events are of `{name}`, which is no environment of the chain"])
    data: dict[str, Any] = {
        "tip": ledger.tip,
        "events": len(ledger.events),
        "skipped": [vars(doubt) for doubt in ledger.skipped],
        "newer": [vars(doubt) for doubt in ledger.doubts if doubt.newer],
        "departed": dict(strangers),
    }
    count, newer = len(ledger.skipped), len(ledger.doubts) - len(ledger.skipped)
    said = f"{len(ledger.events)} events in {len(ledger.commits)} commits"
    if newer:
        said += f", {newer} by a newer desk: update this one"
    if count:
        return Outcome.failed(
            f"{said}; {count} commit{'s are no events' if count > 1 else ' is no event'}",
            f"`git -C {desk.git.folder} log -p {TRUSTED}heads/deploy-ledger` shows who wrote it;"
            " `invoke ledger.repair` appends the correction",
            **data,
        )
    return Outcome.done(said, **data)


def repair(desk: Desk, request: LedgerRepairRequest) -> Outcome:
    """Append an event that corrects: what is skipped, or the event that is named, is settled.

    Nothing is rewritten.
    """
    ledger = fetch_ledger(desk).ledger
    wrong = {doubt.commit: doubt.why for doubt in ledger.skipped}
    departed = sorted(ledger.strangers(desk.settings.chain))
    if request.event:
        commit = _named(ledger, request.event)
        wrong, departed = {commit: _why(desk, request, commit)}, []
    if not wrong and not departed:
        return Outcome.nothing("nothing to repair: every commit of the ledger is an event")
    for commit, why in wrong.items():
        desk.progress.show([f"`{commit[:12]}` will not count: {why}"])
    for name in departed:
        said = f"`{name}` is no longer in the chain: its events stay, and are not named again"
        desk.progress.show([said])
    data: dict[str, Any] = {"corrects": list(wrong), "departed": departed}
    if request.plan:
        return Outcome.done("this is what would be corrected; nothing was changed", **data)
    record(
        desk, "", CORRECTION, commit="", release="", tip=ledger.tip,
        corrects=list(wrong), why=wrong, departed=departed, reason=request.reason,
    )  # fmt: skip
    count = len(wrong)
    return Outcome.done(
        f"the ledger has a correction of {count} commit{'s' if count != 1 else ''}; none was rewritten",
        "`invoke status` shows what the ledger says now",
        **data,
    )


def _named(ledger: Ledger, name: str) -> str:
    found = [commit for commit in ledger.commits if commit.startswith(name)]
    if len(name) < SHORTEST or len(found) != 1:
        raise Refused(f"`{name}` is no commit of the ledger", "`invoke ledger.check` names them")
    return found[0]


def _why(desk: Desk, request: LedgerRepairRequest, commit: str) -> str:
    """What is wrong with a commit that is named; to take back what counts needs a reason and consent."""
    document = desk.git.document(commit, FILE).document
    event = event_of(document)
    if not request.reason.strip():
        raise Refused("`--reason` is required: a person says why that event is wrong", "`--reason TEXT`")
    environment = desk.settings.environments.get(event.environment)
    if environment is None or environment.guarded:
        require_consent(
            desk.progress,
            event.environment or "ledger",
            yes=request.yes or request.plan,
            unchanged="nothing was corrected",
        )
    return f"{event.subject} by {event.actor} is taken back: {request.reason}"
