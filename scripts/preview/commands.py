"""`preview.down` and `preview.list`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.slots import environment_name
from scripts.errors import Locked, Refused
from scripts.preview.end import end
from scripts.preview.hold import dead_locks, lock_of_slot
from scripts.preview.places import Place, for_people, places
from scripts.preview.request import PreviewDownRequest, PreviewListRequest
from scripts.preview.up import document
from scripts.replit.live import Answer
from scripts.state.lock import lock_ref
from scripts.state.preview_lease import Known, observe_leases
from scripts.system.background import submit


@for_people
def down(desk: Desk, request: PreviewDownRequest) -> Outcome:
    """End the preview of a branch, also of one that is deleted by now."""
    if not request.branch:
        raise Refused("which branch?", "`invoke preview.list` names them")
    refs, leases = observe_leases(desk, next(iter(desk.settings)).branch_ref)
    known = next((each for each in leases.values() if each.lease.branch == request.branch), None)
    if known is None:
        return Outcome.nothing(f"`{request.branch}` has no preview", ended=None)
    lease, reason = known.lease, request.reason.strip() or f"{desk.actor} ended it"
    if request.plan:
        desk.progress.show([f"{lease}", f"  dropped: database {lease.database.get('name') or 'none'}"])
        return Outcome.done("nothing was changed; this is what would end", ended=None, **document(known))
    locked = lock_of_slot(desk, refs, lease.slot)
    dead = None
    if locked:
        dead = dead_locks(desk, [lease.slot]).get(lease.slot) if request.wait else None
        if dead is None:
            raise Locked(
                f"the preview of `{lease.branch}` in {lease.slot} is being worked on by {locked[1]}",
                f"`invoke preview.down --branch {lease.branch} --wait` takes over if that run is dead",
            )
    ended = end(desk, refs, known, reason, dead=dead)
    if ended.left:
        desk.progress.note(f"warning: {ended.left}")
    return Outcome.done(
        f"the preview of `{lease.branch}` has ended: the slot {lease.slot} is free", ended=ended.document()
    )


def show_list(desk: Desk, _request: PreviewListRequest) -> Outcome:
    """Every slot: who has it until when, and what its URL answers."""
    known_places = places(desk)
    looks = {slot: submit(place.driver.live) for slot, place in known_places.items()}
    refs, leases = observe_leases(desk)
    now = datetime.fromisoformat(desk.now()).astimezone(UTC).isoformat(timespec="seconds")
    rows = []
    for slot in dict.fromkeys((*known_places, *leases)):
        answer = looks[slot].result() if slot in looks else None
        locked = lock_ref(environment_name(slot)) in refs
        rows.append(_row(slot, known_places.get(slot), leases.get(slot), answer, locked=locked, now=now))
    live = sum(row["state"] == "up" for row in rows)
    return Outcome.done(f"{live} of {len(known_places)} slots have a preview that is up", previews=rows)


def _row(
    slot: str, place: Place | None, known: Known | None, answer: Answer | None, *, locked: bool, now: str
) -> dict[str, Any]:
    row: dict[str, Any] = {"slot": slot, "url": place.environment.url if place else None, "locked": locked}
    if known is None:
        return {**row, "state": "free", "branch": None, "commit": None, "until": None, "problem": None}
    lease, problem = known.lease, None
    if place is None:
        problem = "its slot is not configured any more"
    elif lease.state == "up" and answer and answer.commit != lease.commit:
        problem = f"its address does not show `{lease.commit[:12]}`: {answer}"
    elif lease.state == "up" and lease.until <= now:
        problem = "its time is over: `invoke preview.sweep`"
    elif not locked and lease.state not in ("up", "failed"):
        problem = "its run died: `invoke preview.sweep`"
    return {**row, **document(known), "problem": problem or lease.said or None}
