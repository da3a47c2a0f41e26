"""`ledger.accept`: a person decides between the ledger that this clone has seen and that of the remote.

The decision is an event that follows one of them and has the other as a further parent. So the branch only
moves forward, nothing of either is lost, and every clone that has seen either knows the decision.
"""

from __future__ import annotations

from dataclasses import replace

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Locked, UsageError
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.release.request import LedgerAcceptRequest
from scripts.state.event_rules import ACCEPT, RELEASES
from scripts.state.ledger import FILE, REF, Ledger
from scripts.state.remote import new_event, read_ledger
from scripts.state.rewritten import LedgerRewritten, holds, only_in

SEEN, REMOTE, BOTH = "seen", "remote", "both"


def accept(desk: Desk, request: LedgerAcceptRequest) -> Outcome:
    """Show both ledgers; with consent, go on with the one that was chosen."""
    if request.keep not in (SEEN, REMOTE, BOTH, ""):
        raise UsageError(f"`--keep {request.keep}` is unknown", "`--keep seen`, `remote` or `both`")
    trusted = desk.git.trusted(REF)
    there = desk.git.fetch([REF]).get(REF)
    seen, found = read_ledger(desk, trusted), read_ledger(desk, there)
    if trusted is None or holds(desk.git, found, trusted):
        return Outcome.nothing("nothing to decide: the ledger holds everything that this clone has seen")
    alarm = LedgerRewritten(desk.git.remote, seen, found)
    keep = request.keep or (REMOTE if there else "")
    if request.plan or not keep:  # nobody accepts by mistake that all is gone
        raise alarm
    desk.progress.note(alarm.message)
    what = {SEEN: "what this clone has seen", REMOTE: f"what `{desk.git.remote}` has", BOTH: "both"}
    desk.progress.note(f"from now on counts: {what[keep]}")
    require_consent(desk.progress, "ledger", yes=request.yes, unchanged="nothing was decided")
    tip = _decided(desk, keep, seen, found, request.reason)
    try:
        desk.git.push([Update(REF, there, tip)])
    except StaleError:
        raise Locked("the ledger moved while this was decided", "try again") from None
    desk.git.trust(REF, tip)
    return Outcome.done(
        f"decided: {what[keep]} counts; the other one is kept in the history of the branch",
        "`invoke status` shows what the ledger says now",
        keep=keep,
        tip=tip,
    )


def _decided(desk: Desk, keep: str, seen: Ledger, found: Ledger, reason: str) -> str:
    """Write the decision, and what follows it; returns the new tip. Nothing is pushed yet."""
    base, other = (found, seen) if keep == REMOTE else (seen, found)
    first = base.tip or _write(desk, keep, None, (), reason="a new ledger begins")
    others = (other.tip,) if other.tip else ()
    tip = _write(desk, keep, first, others, reason=reason)
    if keep != BOTH:
        return tip
    for event in only_in(found, seen):
        copy = event
        if event.kind in RELEASES:  # both may have a `v5`
            number = read_ledger(desk, tip).next_release(event.environment)
            copy = replace(event, release=number, detail={**event.detail, "was": event.release})
        tip = desk.git.commit_json(FILE, copy.document(), copy.subject, tip)
    return tip


def _write(desk: Desk, keep: str, parent: str | None, others: tuple[str, ...], *, reason: str) -> str:
    detail = {"keep": keep, "reason": reason}
    event = new_event(desk, "", ACCEPT, release="", commit="", run=desk.new_id(), detail=detail)
    return desk.git.commit_json(FILE, event.document(), f"ledger: {keep} kept", parent, *others)
