"""A preview ends: database, app, lease and lock go, in an order in which a run that dies loses nothing.

The lease is marked `ending` first. Whoever finds it so later, on any machine, does the rest again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scripts.config.desk import Desk
from scripts.errors import DeskError, Locked
from scripts.git.client import StaleError
from scripts.preview import notices
from scripts.preview.hold import HeldSlot, hold
from scripts.preview.kinds import databases_of
from scripts.preview.park import park, parked_commit
from scripts.preview.places import Place, place_of
from scripts.state.lock import Lock
from scripts.state.preview_lease import Known
from scripts.system import signals
from scripts.system.process import end_all


@dataclass(frozen=True)
class Ended:
    """A preview that has ended.

    Args:
        reason: `merged`, `expired` and others.
        left: what is still there of it, in words; "" for nothing.
    """

    known: Known
    reason: str
    left: str = ""

    def document(self) -> dict[str, str]:
        """For `--json`."""
        lease = self.known.lease
        return {"slot": lease.slot, "branch": lease.branch, "commit": lease.commit, "reason": self.reason,
                "left": self.left}  # fmt: skip


def end(
    desk: Desk,
    refs: Mapping[str, str],
    known: Known,
    reason: str,
    *,
    dead: tuple[str, Lock] | None = None,
    task: str = "preview.down",
) -> Ended:
    """End the preview of a lease.

    Args:
        refs: of the remote, whose objects are here.
        dead: the lock that is taken over.

    Raises:
        Locked: somebody else works on the slot, or has renewed it meanwhile.
        DeskError: the database could not be dropped; the lease stays, as `ending`.
    """
    slot, lease = known.lease.slot, known.lease
    place = place_of(desk, slot) if slot in desk.settings.preview.slots else None
    ending = replace(lease, state="ending", said=reason, run=desk.new_id()) if lease.state else None
    try:
        held = hold(
            desk, slot, task, parked_commit(desk, refs, lease.commit), before=known, lease=ending, dead=dead
        )
    except StaleError:
        raise Locked(
            f"the preview in {slot} was renewed, or is being worked on by another run: it was left alone",
            "`invoke preview.list`",
        ) from None
    return end_held(held, place, reason)


def end_held(held: HeldSlot, place: Place | None, reason: str) -> Ended:
    """End the preview of a slot that is held; see `end`."""
    desk, known = held.desk, held.lease
    try:
        databases_of(desk, place).drop(held.slot)
        left = park(held, place) if place else ""
        held.finish(None)
    except BaseException as fault:
        if not isinstance(fault, DeskError):  # a sweep goes on with the next slot after those
            signals.answer(lambda: undoing(held.slot))
            end_all()
        if not isinstance(fault, Locked):
            _let_go(held)
        raise
    if known is None:
        raise AssertionError("a slot without a lease has no preview to end")
    ended = Ended(known, reason, left)
    if place and known.lease.state:
        notices.tell_end(place, known.lease, reason)
    return ended


def undoing(slot: str) -> str:
    """The answer to a signal that comes while a run on a slot is being put back."""
    return f"still putting back the slot {slot}\n  | if that is killed, `invoke preview.sweep` settles it"


def _let_go(held: HeldSlot) -> None:
    """Free the lock of what could not be ended; the lease says `ending`."""
    try:
        held.finish(held.lease.lease if held.lease else None)
    except DeskError as fault:
        held.desk.progress.note(f"warning: the lock of the slot {held.slot} is left: {fault.message}")
