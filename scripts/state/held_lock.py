"""The lock while this process holds it: acquire, heartbeat, release, and notice when it is lost."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, ConfigError, DeskError, Locked, PushRefused
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.event_rules import BEGIN
from scripts.state.ledger import REF, Event, Ledger
from scripts.state.lock import LOCK_FILE, Lock, blocked, candidate_ref, lock_ref, strays
from scripts.state.remote import append, new_event
from scripts.system.background import submit
from scripts.system.secret import masked_by

# Seconds for which an answer counts. Who steals the lock within them is found by the next heartbeat,
# as is one who steals it between an answer and what is done upon it.
SOON = 3.0


def new_lock(desk: Desk, environment: str, task: str, commit: str, *, run: str = "", **more: Any) -> Lock:
    """The content of a lock that this process is about to acquire; `more` are other fields of `Lock`."""
    return Lock(
        run=run or desk.new_id(),
        nonce=desk.new_id(),
        actor=desk.actor,
        host=desk.host,
        task=task,
        environment=environment,
        commit=commit,
        acquired_at=desk.now(),
        ttl=desk.settings.lock.ttl,
        **more,
    )


def refuse_masked(keys: Mapping[str, str]) -> None:
    """Return if no mask hides what a run is known by: before its lock, when nothing has changed yet.

    Args:
        keys: texts, by what they are, such as "the commit's id".

    Raises:
        ConfigError: one would; it names the variable.
    """
    for what, text in keys.items():
        if owner := masked_by(text):
            raise ConfigError(
                f"{owner} is masked, and its value stands in {what}: what is said of this run would be"
                " garbled",
                "unset that variable for this command, or give it another value",
            )


def sweep(desk: Desk, refs: Mapping[str, str], own: Lock | None = None) -> None:
    """Delete the candidates of runs that are over; whether that succeeds changes nothing else."""
    found = strays(refs, own)
    if found:
        with contextlib.suppress(CommandFailed, StaleError):
            desk.git.push([Update(ref, commit, None) for ref, commit in found.items()])


class _Question(NamedTuple):
    """A question to the remote: when it was sent, and its answer."""

    at: float
    refs: Future[dict[str, str]]


class Planned(NamedTuple):
    """What a run was planned on. The leases of the push that acquires its lock say whether it is still so.

    Args:
        tip: where the ledger was seen then; None: where it was seen last.
        heads: refs that must still be where they were.
        fits: told a ledger that has grown since then; raises if the plan is no longer true.
    """

    tip: str | None = None
    heads: Mapping[str, str] = {}
    fits: Callable[[Ledger], None] = lambda _: None


NOTHING_PLANNED = Planned()


class HeldLock:
    """A lock that this process acquires, keeps alive with heartbeats from a thread, and releases.

    Args:
        content: what `lock.json` says, as of the next heartbeat.
        id: the commit that the lock ref points at; only who knows it can move or delete the ref.
        pushed: every id that this process pushed: one may have arrived although its answer was lost.
        lost: another run owns the ref.
        freed: the remote took the push that deletes it.
    """

    def __init__(self, desk: Desk, content: Lock) -> None:
        self._desk = desk
        self._stopped = threading.Event()
        self._guard = threading.RLock()  # held while the ref is moved
        self._noting = threading.Lock()
        self._confirmed = desk.clock()
        self._asked: _Question | None = None
        self._shown: Future[dict[str, str]] | None = None
        self._silent_from = math.inf
        self.content = content
        self.lost = False
        self.freed = False
        self.pushed: set[str] = set()
        refuse_masked(
            {
                "the commit's id": content.commit,
                "the name of the environment": f"{content.environment} {content.source}",
                "the id of the release": content.release,
            }
        )
        self.id = self._write(content)
        desk.git.hold_line()  # opens beside the push that acquires it, for the questions after that

    @property
    def ref(self) -> str:
        """The lock's ref."""
        return lock_ref(self.content.environment)

    @property
    def candidate(self) -> str:
        """The ref under which the workspace fetches the commit."""
        return candidate_ref(self.content.environment, self.content.run)

    def begin(self, planned: Planned = NOTHING_PLANNED) -> None:
        """Acquire the free lock for a run. In the same push the ledger gets an event that says so.

        A ledger that can't be written is found here, before anything has changed.

        Raises:
            StaleError: another run was quicker, or what must not move has moved.
            PushRefused: the remote does not take the lock, or the event.
        """
        heads = planned.heads
        desk, content = self._desk, self.content
        made = new_event(
            desk,
            content.environment,
            BEGIN,
            release="",
            commit=content.commit,
            run=content.run,
            detail={"task": content.task},
        )

        def updates() -> list[Update]:
            stay = [Update(ref, commit, commit) for ref, commit in heads.items()]
            return [Update(self.ref, None, self.id), Update(self.candidate, None, content.commit), *stay]

        def make(ledger: Ledger) -> Event:
            planned.fits(ledger)
            return made

        def stale(fault: StaleError) -> None:
            if self.ref in fault.refs or any(fault.refs.get(ref) != head for ref, head in heads.items()):
                raise fault

        try:
            append(desk, planned.tip or desk.git.trusted(REF), make, updates, stale)
        except PushRefused as fault:
            raise self._refused(fault) from None
        self._begin_heartbeats()

    def _refused(self, fault: PushRefused) -> PushRefused:
        """Why the remote does not take a lock at all: what is in its way, or what it says itself."""
        ours = "nothing was changed; the desk must be allowed to push `deploy-ledger` and `refs/deploy/`"
        environment = self.content.environment
        why, _, hint = blocked(self._desk.git.ls_remote(), environment).rpartition("; ")
        return PushRefused(
            f"{environment} can't be locked: {why or fault.message}", hint or fault.hint or ours
        )

    def acquire(
        self, old: str | None = None, dead: Lock | None = None, also: Sequence[Update] = ()
    ) -> None:
        """Acquire the free lock, or take over that of a dead run with its candidate; all in one push.

        Args:
            also: other refs that move with it, or nothing does.

        Raises:
            StaleError: another run was quicker, or the dead one is alive.
        """
        updates = [Update(self.ref, old, self.id), Update(self.candidate, None, self.content.commit), *also]
        if dead:
            left = candidate_ref(dead.environment, dead.run)
            refs = self._desk.git.ls_remote()
            if left in refs:
                updates.append(Update(left, refs[left], None))
        self._desk.git.push(updates)
        self._begin_heartbeats()

    def _begin_heartbeats(self) -> None:
        self._confirmed = self._desk.clock()
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def look_for_it(self) -> None:
        """Ask the remote in the background for the lock that was just acquired, for `require_shown`."""
        self._shown = submit(self._desk.git.ls_remote)

    def require_shown(self) -> None:
        """Make sure that the remote shows the lock, where `look_for_it` has asked.

        Raises:
            CommandFailed: it is pushed to another address than it is read from, or can't be read.
        """
        asked, self._shown = self._shown, None
        if asked and asked.result().get(self.ref) not in self.pushed:
            remote = self._desk.git.remote
            raise CommandFailed(
                f"`{remote}` does not show the lock that was pushed to it",
                "does it push to another address than it reads from (`git remote -v`)?",
            )

    def ask_ahead(self) -> None:
        """Ask the remote in the background, for a `check` that follows within `SOON` seconds."""
        self._asked = _Question(self._desk.clock(), submit(self._desk.git.ls_remote))

    def _ask(self) -> None:
        """Ask the remote who holds the lock, or take what it said to a question of a moment ago.

        A heartbeat that it took since then says more: the ref has moved on from what was listed.
        """
        asked, self._asked = self._asked, None
        if asked and self._desk.clock() - asked.at <= SOON:
            if self._confirmed > asked.at:
                return
            refs = asked.refs.result()
        else:
            refs = self._desk.git.ls_remote()
        if self.reconcile(refs):
            sweep(self._desk, refs, self.content)

    def check(self, *, ask: bool) -> None:
        """Make sure before a step that the lock is still held.

        Args:
            ask: ask the remote: before a step that can't be repeated. It is also asked after half of the
                lock's time to live without a heartbeat.

        Raises:
            Locked: another run has taken it over: this run may change nothing more.
        """
        if ask or self._is_silent():
            with contextlib.suppress(CommandFailed), self._guard:
                if ask or self._is_silent():  # a heartbeat may just have been on its way
                    self._ask()
        self.require()

    def _is_silent(self) -> bool:
        return self._desk.clock() - self._confirmed > self._desk.settings.lock.ttl / 2

    def require(self) -> None:
        """Stop here if the lock is known to be lost; the remote is not asked.

        Raises:
            Locked: another run has taken it over: this run may change nothing more.
        """
        if self.lost:
            raise Locked(
                f"the lock of {self.content.environment} was taken over from this run",
                "`invoke status` says who holds it and what is live",
            )

    def heartbeat(self, **changes: Any) -> None:
        """Push a heartbeat. Sets `lost` if another run owns the ref; does not raise."""
        with self._guard:
            if self.lost:
                return
            new = self._write(self._note(**changes))
            try:
                self._desk.git.push([Update(self.ref, self.id, new)])
            except StaleError as fault:
                self.reconcile(fault.refs)
                return
            self.id = new
            self._confirmed = self._desk.clock()

    def reconcile(self, refs: Mapping[str, str]) -> bool:
        """Whether the lock is still held, by the remote's refs; an own heartbeat that arrived counts."""
        current = refs.get(self.ref)
        self.lost = current not in self.pushed
        if current and not self.lost:
            self.id = current
            self._confirmed = self._desk.clock()
        return not self.lost

    def push(self, updates: Sequence[Update]) -> None:
        """Move refs under the lock: with its next heartbeat, in one push, so that a lost lock moves none.

        Raises:
            Locked: another run owns the lock.
            CommandFailed: one of the refs was moved by somebody else, or the remote does not take it.
        """
        with self._guard:
            new = self._write(self._note())
            try:
                self._desk.git.push([Update(self.ref, self.id, new), *updates])
            except StaleError as fault:
                if self.reconcile(fault.refs):
                    moved = next((u.ref for u in updates if fault.refs.get(u.ref) != u.old), self.ref)
                    raise CommandFailed(f"`{moved}` was moved by somebody else", "try again") from None
                raise Locked(
                    f"the lock of {self.content.environment} was taken over from this run",
                    "`invoke status` says who holds it and what is live",
                ) from None
            self.id = new
            self._confirmed = self._desk.clock()

    def note(self, step: str, journal: str, limit: float) -> None:
        """A step begins: the next heartbeat names it, with the digest of the journal.

        Args:
            limit: seconds; then the step hangs and the heartbeat stops, so that `resume` may take over.
        """
        self._silent_from = self._desk.clock() + limit
        self._note(step=step, journal=journal)

    def _note(self, **changes: Any) -> Lock:
        """The content with these changes, as the next heartbeat has it; one that is on its way has not."""
        with self._noting:
            self.content = self.content.alive(**changes)
            return self.content

    @contextlib.contextmanager
    def paused(self) -> Iterator[str]:
        """Pause heartbeats while the caller moves the ref. Yields the current commit id."""
        with self._guard:
            yield self.id

    def releases(self) -> list[Update]:
        """Ref updates that delete the lock and the candidate."""
        return [
            Update(self.ref, self.id, None),
            Update(self.candidate, self.content.commit, None),
        ]

    def stop(self) -> None:
        """Send no more heartbeats, and ask nothing more."""
        self._stopped.set()
        self._desk.git.drop_line()

    def release(self) -> None:
        """Delete the lock without an event in the ledger."""
        self.stop()
        with self.paused():
            self._desk.git.push(self.releases())
        self.freed = True

    def _keep_alive(self) -> None:
        while not self._stopped.wait(self._desk.settings.lock.heartbeat):
            if self._desk.clock() > self._silent_from:
                continue
            with contextlib.suppress(DeskError):  # the network may be away for a moment
                self.heartbeat()

    def _write(self, content: Lock) -> str:
        subject = f"lock of {content.environment}: {content.task} by {content.actor}"
        new = self._desk.git.commit_json(LOCK_FILE, content.document(), subject, None)
        self.pushed.add(new)
        return new
