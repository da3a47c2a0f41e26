"""Free a lock that names no run which this desk could finish or undo, and say what is live."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.git.client import StaleError
from scripts.replit.drivers import driver_of
from scripts.replit.live import Expected, fault
from scripts.state.held_lock import HeldLock, new_lock, sweep
from scripts.state.lock import Lock
from scripts.state.remote import locked, observe_remote

TASK = "lock.steal"


def take(desk: Desk, environment: Environment, lock_id: str) -> HeldLock:
    """Hold the lock in place of whatever its ref points at: a commit without a lock, a blob.

    Raises:
        Locked: it moved meanwhile.
    """
    remote = observe_remote(desk)
    live = remote.ledger.live(environment.name)
    commit = live.commit if live else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`")
    held = HeldLock(desk, new_lock(desk, environment.name, TASK, commit))
    try:
        held.acquire(lock_id)
    except StaleError:
        raise locked(desk, environment) from None
    return held


def free(desk: Desk, held: HeldLock, environment: Environment, was: Lock) -> Outcome:
    """Release it, once nobody who held it before can change anything; what is live is looked at."""
    refs = desk.git.ls_remote()
    sweep(desk, refs, held.content)
    held.release()
    ledger = observe_remote(desk).ledger
    live, released = driver_of(desk, environment).live(), ledger.live(environment.name)
    expected = Expected(released.commit, environment.name, released.built_for) if released else None
    problem = fault(live, expected) if expected else None
    said = f"live: {problem or live}" + (f", as {released.release}" if released and not problem else "")
    return Outcome.done(
        f"the lock of {environment.name} is free; it was {was}\n  | {said}",
        f"what its run did is not known: `invoke status`, `invoke db.status --env {environment.name}`",
        environment=environment.name,
        live=live.commit,
    )
