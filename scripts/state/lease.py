"""A lease: one task of a kind at a time on an environment, from any machine, beside the lock of releases.

It is a lock on a ref of its own, without a candidate. Nobody finishes what a dead owner began: a lease that
was silent for its time to live is taken over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.held_lock import HeldLock
from scripts.state.lock import LOCK_FILE, Lock, checked_lock, time_to_live

PAUSE = 2.0  # seconds between two looks at a lease that somebody else holds
TRIES = 5  # to read a lease that moves meanwhile


def lease_ref(task: str, environment: str) -> str:
    """The ref that is the lease of a task, such as `load-test`."""
    return f"refs/deploy/lease/{task}/{environment}"


class Lease(HeldLock):
    """A lease that this process acquires, keeps alive with heartbeats from a thread, and releases."""

    @property
    def ref(self) -> str:
        """The lease's ref."""
        return lease_ref(self.content.task, self.content.environment)

    def take(self, old: str | None) -> None:
        """Acquire the free lease, or the one at `old`, whose owner is dead.

        Raises:
            StaleError: another process was quicker, or that owner is alive.
        """
        self._desk.git.push([Update(self.ref, old, self.id)])
        self._begin_heartbeats()

    def releases(self) -> list[Update]:
        """The ref update that deletes it."""
        return [Update(self.ref, self.id, None)]

    def is_held(self) -> bool:
        """Whether nobody has taken it over, by the remote's refs if they can be read."""
        with contextlib.suppress(CommandFailed):
            self.reconcile(self._desk.git.ls_remote())
        return not self.lost


@contextlib.contextmanager
def leased(
    desk: Desk,
    content: Lock,
    what: str,
    *,
    until: float,
    dead: Collection[str] = (),
    freed: Callable[[], object] = lambda: None,
) -> Iterator[Lease]:
    """Hold the lease for the time of a block.

    Args:
        content: from `new_lock`, with the task's name.
        what: what is under way, for people: `a load test of staging`.
        until: on the desk's clock: wait so long for somebody else's; the past: don't wait.
        dead: runs whose process is known to have ended.
        freed: called once the remote has deleted the lease.

    Raises:
        Locked: somebody else holds it.
    """
    lease = Lease(desk, content)
    _acquire(desk, lease, what, until, dead)
    try:
        yield lease
    finally:
        lease.stop()
        with contextlib.suppress(DeskError, StaleError):  # it expires
            lease.release()
            freed()


@dataclass(frozen=True)
class _Seen:
    """A lease: its commit, its content, and since when it is there by this machine's clock."""

    id: str
    holder: Lock
    since: float


def _acquire(desk: Desk, lease: Lease, what: str, until: float, dead: Collection[str]) -> None:
    seen: _Seen | None = None
    told = False
    while True:
        seen = _look(desk, lease, seen)
        patience = time_to_live(seen.holder if seen else None, desk.settings.lock.ttl)
        silent = desk.clock() - seen.since if seen else 0.0
        if seen is None or seen.holder.run in dead or silent >= patience:
            with contextlib.suppress(StaleError):
                lease.take(seen.id if seen else None)
                return
            continue
        if desk.clock() >= until:
            wait = f"`--wait` waits for it; a dead one's lease ends after {patience:g} s of silence"
            raise Locked(f"{what} is under way: {seen.holder}", wait)
        if not told:
            desk.progress.note(f"waiting: {what} is under way: {seen.holder}")
        told = True
        desk.sleep(PAUSE)


def _look(desk: Desk, lease: Lease, seen: _Seen | None) -> _Seen | None:
    """The lease now; None if it is free. A heartbeat that comes while it is read is no fault.

    Raises:
        CommandFailed: the remote can't be reached.
    """
    for attempt in range(TRIES):
        try:
            refs = desk.git.ls_remote() if seen else desk.git.fetch([lease.ref])
            there = refs.get(lease.ref)
            if not there or (seen and there == seen.id):
                return seen if there else None
            if seen:
                desk.git.fetch([lease.ref])
            found = desk.git.document(there, LOCK_FILE)
        except CommandFailed:
            if attempt + 1 == TRIES:
                raise
            desk.sleep(PAUSE)
            continue
        holder = checked_lock(found.document, lease.content.environment, found.fault)
        return _Seen(there, holder, desk.clock())
    raise AssertionError("unreachable")
