"""Holding the lock: taking it, the signs of life, and knowing at once when it is lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.lock import LOCK_FILE, Lock, candidate_ref, lock_ref


class Holding:
    """The lock while it is ours; a thread pushes the signs of life.

    Args:
        id: the commit that the lock ref points at; only who knows it can move or delete the ref.
        tried: every id that we pushed; one of them may have arrived although its answer was lost.
    """

    def __init__(self, desk: Desk, lock: Lock) -> None:
        self._tools = desk
        self._over = threading.Event()
        self._guard = threading.RLock()
        self._confirmed = desk.clock()
        self.lock = lock
        self.lost = False
        self.tried: set[str] = set()
        self.id = self._write(lock)

    @property
    def ref(self) -> str:
        """The lock's ref."""
        return lock_ref(self.lock.environment)

    @property
    def candidate(self) -> str:
        """The ref under which the workspace fetches the commit."""
        return candidate_ref(self.lock.environment, self.lock.run)

    def take(self, old: str | None = None, dead: Lock | None = None) -> None:
        """Take the free lock, or that of a dead run with its candidate; all in one push.

        Raises:
            StaleError: somebody else was quicker, or the dead one lives.
        """
        updates = [Update(self.ref, old, self.id), Update(self.candidate, None, self.lock.commit)]
        if dead:
            left = candidate_ref(dead.environment, dead.run)
            refs = self._tools.git.ls_remote()
            if left in refs:
                updates.append(Update(left, refs[left], None))
        self._tools.git.push(updates)
        self._confirmed = self._tools.clock()
        threading.Thread(target=self._live, daemon=True).start()

    def check(self, *, ask: bool) -> None:
        """See before each step that it is still ours.

        The remote is asked before what can't be done twice, and after a long silence.

        Raises:
            Locked: somebody has taken it over: nothing more may be changed by this run.
        """
        silent = self._tools.clock() - self._confirmed
        if ask or silent > self._tools.settings.lock.ttl / 2:
            with contextlib.suppress(CommandFailed), self._guard:
                self.adopt(self._tools.git.ls_remote())
        if self.lost:
            raise Locked(
                f"the lock of {self.lock.environment} was taken over from this run",
                "`invoke status` says who holds it and what is live",
            )

    def beat(self, **news: str) -> None:
        """Push one sign of life, with what is new. Being dethroned is noted, not raised."""
        with self._guard:
            if self.lost:
                return
            lock = self.lock.alive(**news)
            new = self._write(lock)
            try:
                self._tools.git.push([Update(self.ref, self.id, new)])
            except StaleError as fault:
                self.adopt(fault.refs)
                return
            self.lock, self.id = lock, new
            self._confirmed = self._tools.clock()

    def adopt(self, refs: Mapping[str, str]) -> bool:
        """Whether the ref is ours, by what the remote shows; an own sign of life that arrived counts."""
        there = refs.get(self.ref)
        self.lost = there not in self.tried
        if there and not self.lost:
            self.id = there
            self._confirmed = self._tools.clock()
        return not self.lost

    def note(self, step: str, journal: str) -> None:
        """What the next sign of life will say."""
        with self._guard:
            self.lock = self.lock.alive(step=step, journal=journal)

    @contextlib.contextmanager
    def still(self) -> Iterator[str]:
        """No sign of life while the ref itself is moved; gives its id."""
        with self._guard:
            yield self.id

    def leftovers(self) -> list[Update]:
        """What no run leaves behind: the lock and its candidate."""
        return [
            Update(self.ref, self.id, None),
            Update(self.candidate, self.lock.commit, None),
        ]

    def end(self) -> None:
        """No more signs of life."""
        self._over.set()

    def free(self) -> None:
        """Give it back without a word in the ledger."""
        self.end()
        with self.still():
            self._tools.git.push(self.leftovers())

    def _live(self) -> None:
        while not self._over.wait(self._tools.settings.lock.heartbeat):
            with contextlib.suppress(DeskError):  # a network that is away for a moment
                self.beat()

    def _write(self, lock: Lock) -> str:
        subject = f"lock of {lock.environment}: {lock.task} by {lock.actor}"
        new = self._tools.git.commit_json(LOCK_FILE, lock.document(), subject, None)
        self.tried.add(new)
        return new
