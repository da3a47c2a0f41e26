"""Writing to the ledger: append by compare-and-swap, together with whatever must move with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, Locked, Refused
from scripts.git.client import Git, StaleError
from scripts.git.command import Update
from scripts.state import ledger as state_ledger
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import LOCK_FILE, Lock, lock_of, lock_ref

APPENDS = 15  # tries while other environments append as well


def append(
    desk: Desk,
    tip: str | None,
    make: Callable[[Ledger], Event],
    updates: Callable[[], Sequence[Update]] = tuple,
    stale: Callable[[StaleError], None] = lambda _: None,
) -> Event:
    """Append the event that `make` builds on the newest ledger; `updates` move with it, or nothing does.

    Args:
        tip: where the ledger was seen last.
        make: the event, given the ledger that it is to follow.
        updates: the other refs of the push.
        stale: looks at the refs when the push was refused; raises if more than the ledger moved.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    for attempt in range(APPENDS):
        event = make(read_ledger(desk, tip))
        written = desk.git.commit_json(state_ledger.FILE, event.document(), event.subject, tip)
        try:
            desk.git.push([Update(state_ledger.REF, tip, written), *updates()])
        except StaleError as fault:
            tip = desk.git.fetch([state_ledger.REF]).get(state_ledger.REF)
            arrived = read_ledger(desk, tip).of_run(event.run, event.kind)
            if arrived:  # an earlier push of this run did, and only its answer was lost
                return arrived
            stale(fault)
            desk.sleep(random.uniform(0.05, 0.2) * (attempt + 1))  # noqa: S311 - jitter
            continue
        return event
    raise CommandFailed("the ledger moves faster than this run can append to it", "try again")


@dataclass(frozen=True)
class Remote:
    """The shared state: the remote's refs, and what the ledger says."""

    refs: Mapping[str, str]
    ledger: Ledger

    def head(self, environment: Environment) -> str | None:
        """Where the environment's branch is; None when it is not there yet."""
        return self.refs.get(environment.branch_ref)


def observe_remote(desk: Desk) -> Remote:
    """The remote's refs and the ledger, with the objects at hand."""
    wanted = [state_ledger.REF]
    for environment in desk.settings:
        wanted += [environment.branch_ref, lock_ref(environment.name)]
    seen = desk.git.last_fetched(state_ledger.REF)
    refs = desk.git.fetch(wanted)
    tip = refs.get(state_ledger.REF)
    if seen and not (tip and desk.git.is_ancestor(seen, tip)):
        raise Refused(
            f"the ledger was rewritten: it no longer holds what this clone has seen of it (`{seen[:12]}`)",
            f"find out who did it, and restore it: `git push {desk.git.remote} --force-with-lease"
            f" {seen}:{state_ledger.REF}`",
        )
    return Remote(refs, read_ledger(desk, refs.get(state_ledger.REF)))


def read_ledger(desk: Desk, tip: str | None) -> Ledger:
    """The ledger up to one of its commits."""
    return _ledger(desk.git, tip) if tip else Ledger(None, ())


@cache
def _ledger(git: Git, tip: str) -> Ledger:
    """A commit never changes, so what it holds is read once."""
    chain = git.json_history(tip, state_ledger.FILE)
    return Ledger(tip, tuple(state_ledger.event_of(document) for document in chain))


def read_lock(desk: Desk, refs: Mapping[str, str], environment: Environment) -> Lock | None:
    """Who holds an environment, by the refs that were just read."""
    held = refs.get(lock_ref(environment.name))
    if held is None:
        return None
    return lock_of(desk.git.json_history(held, LOCK_FILE)[0])


def locked(desk: Desk, environment: Environment) -> Locked:
    """Who was quicker."""
    refs = desk.git.fetch([lock_ref(environment.name), state_ledger.REF])
    lock = read_lock(desk, refs, environment)
    hint = f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
    if lock:
        return Locked(f"{environment.name} is locked by {lock}", hint)
    last = read_ledger(desk, refs.get(state_ledger.REF)).last(environment.name)
    who = f" by {last.actor} (run {last.run}, {last.release})" if last else ""
    return Locked(f"{environment.name} was locked{who} until a moment ago", "try again")
