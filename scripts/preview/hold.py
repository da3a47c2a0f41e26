"""A slot while this run holds it: its lock, and its lease, which move in one push.

Lock, heartbeats, silence and take-over are those of an environment's lock (`state/held_lock.py`). The lease
outlives the run; so nobody who does not hold the lock can move it, and nobody who lost it can.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.preview.places import lock_name
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import LOCK_FILE, Lock, checked_lock, lock_ref, time_to_live
from scripts.state.preview_lease import Known, PreviewLease, lease_ref, write_lease

PAUSE = 0.5  # seconds between two looks at locks whose owners may be dead
TRIES = 3


@dataclass
class HeldSlot:
    """A slot that this run works on.

    Args:
        lease: as it stands on the remote; None where nobody has the slot.
        took_over: the run before died, and may have left sessions and half-made things.
    """

    desk: Desk
    slot: str
    lock: HeldLock
    lease: Known | None
    took_over: bool = False

    def check(self) -> None:
        """Make sure that it is still held, before something that can't be repeated.

        Raises:
            Locked: another run has taken it over.
        """
        self.lock.check(ask=True)

    def finish(self, lease: PreviewLease | None) -> None:
        """Leave the slot with this lease, or without one; and the lock with it.

        Raises:
            Locked: another run has taken it over: nothing was written.
            CommandFailed: the remote does not take it; `preview.sweep` settles the slot.
        """
        self.lock.stop()
        before = self.lease.id if self.lease else None
        new = write_lease(self.desk, lease) if lease else None
        move = [Update(lease_ref(self.slot), before, new)] if before or new else []
        for _ in range(TRIES):
            with self.lock.paused():
                try:
                    self.desk.git.push([*self.lock.releases(), *move])
                except StaleError as stale:
                    refs = stale.refs
                else:
                    return
            if not self.lock.reconcile(refs):  # an own heartbeat whose answer was lost counts
                break
        raise Locked(
            f"the slot {self.slot} was taken over from this run: nothing was written",
            "`invoke preview.list` says who has it",
        )


def hold(
    desk: Desk,
    slot: str,
    task: str,
    commit: str,
    *,
    before: Known | None,
    lease: PreviewLease | None,
    dead: tuple[str, Lock] | None = None,
) -> HeldSlot:
    """Acquire a slot's lock, and its lease with it.

    Args:
        commit: what the workspace is to fetch.
        before: the lease as it was seen: it must still be that one.
        lease: what it becomes; None: it is not there, and is not made.
        dead: id and content of a lock whose owner is dead.

    Raises:
        StaleError: another run was quicker.
        CommandFailed: the remote refuses it, or can't be reached.
    """
    run = lease.run if lease else desk.new_id()
    held = HeldLock(desk, new_lock(desk, lock_name(slot), task, commit, run=run))
    new = write_lease(desk, lease) if lease else None
    also = [Update(lease_ref(slot), before.id if before else None, new)] if lease else []
    held.acquire(dead[0] if dead else None, dead[1] if dead else None, also)
    known = Known(new, lease) if new and lease else before
    return HeldSlot(desk, slot, held, known, took_over=dead is not None)


def lock_of_slot(desk: Desk, refs: Mapping[str, str], slot: str) -> tuple[str, Lock] | None:
    """Id and content of a slot's lock, by refs that were just read; None for a free one."""
    commit = refs.get(lock_ref(lock_name(slot)))
    if commit is None:
        return None
    with suppress(CommandFailed):
        desk.git.fetch([lock_ref(lock_name(slot))])
    found = desk.git.document(commit, LOCK_FILE)
    return commit, checked_lock(found.document, lock_name(slot), found.fault)


def dead_locks(desk: Desk, slots: Collection[str]) -> dict[str, tuple[str, Lock]]:
    """Of these slots, those whose lock stays where it is for its time to live: their owners are dead.

    Returns as soon as each of them is dead, alive or free; only this machine's clock counts.
    """
    refs = desk.git.ls_remote()
    seen = {slot: found for slot in slots if (found := lock_of_slot(desk, refs, slot))}
    began = desk.clock()
    patience = {slot: time_to_live(lock, desk.settings.lock.ttl) for slot, (_, lock) in seen.items()}
    silent = dict(seen)
    while silent and desk.clock() - began <= max(patience[slot] for slot in silent):
        desk.sleep(PAUSE)
        with suppress(CommandFailed):  # the network may be away for a moment
            refs = desk.git.ls_remote()
        silent = {
            slot: each for slot, each in silent.items() if refs.get(lock_ref(lock_name(slot))) == each[0]
        }
    return silent
