"""`--wait`: wait for the lock of somebody else, unless its owner is silent for so long that it is dead."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, Locked
from scripts.state.lock import lock_ref, time_to_live
from scripts.state.remote import read_lock

PAUSE = 2.0  # seconds between two looks at a lock


def retry_while_locked(
    desk: Desk,
    work: Callable[[], Outcome],
    *,
    wait: bool,
    environments: Sequence[Environment],
    yes: bool = False,
) -> Outcome:
    """Do the work. With `wait`, once more when it was locked before it began, for `[lock] wait` seconds.

    Args:
        environments: whose locks may be in the way.
        yes: consent to settle the run of a dead owner, where that is guarded.

    Raises:
        Locked: still; or in the midst of the work, where trying again would be wrong.
    """
    until = desk.clock() + desk.settings.lock.wait
    while True:
        try:
            return work()
        except Locked as fault:
            if not wait or fault.data.get("run") or desk.clock() > until:
                raise
            desk.progress.note(f"waiting: {fault.message}")
            dead = _wait(desk, environments, until)
            if dead is None:
                continue
            name, silent = dead.environment.name, f"silent for {dead.seconds:.0f} s: dead"
            if desk.settle is None:
                hint = f"`invoke resume --env {name}` finishes or undoes that run"
                raise Locked(f"{fault.message}\n  | {silent}", hint) from None
            desk.progress.note(f"the owner of the lock of {name} is {silent}; its run is taken over")
            desk.settle(desk, dead.environment, dead.id, yes)


class _Dead(NamedTuple):
    environment: Environment
    id: str
    seconds: float


class _Seen(NamedTuple):
    """A lock: where its ref is, since when by this machine's clock, and when its owner counts as dead."""

    id: str
    since: float
    patience: float


def _wait(desk: Desk, environments: Sequence[Environment], until: float) -> _Dead | None:
    """Wait until a lock is released, or the time is over; or until one was silent for its time to live.

    A lock is silent while its ref stays where it is: no other clock counts.
    """
    watched: dict[str, _Seen] = {}
    while desk.clock() <= until:
        desk.sleep(PAUSE)
        try:
            refs = desk.git.ls_remote()
        except CommandFailed:  # the network may be away for a moment
            continue
        locks = {each.name: refs.get(lock_ref(each.name)) for each in environments}
        held = {name: ref for name, ref in locks.items() if ref}
        if not held or watched.keys() - held.keys():
            return None
        for each in environments:
            known = watched.get(each.name)
            if known and known.id == held.get(each.name):
                if desk.clock() - known.since >= known.patience:
                    return _Dead(each, known.id, desk.clock() - known.since)
            elif each.name in held:
                patience = known.patience if known else _patience(desk, each)
                watched[each.name] = _Seen(held[each.name], desk.clock(), patience)
    return None


def _patience(desk: Desk, environment: Environment) -> float:
    """Seconds of silence after which the owner of that lock is dead."""
    lock = None
    with contextlib.suppress(CommandFailed):  # it moved meanwhile, or the network is away
        lock = read_lock(desk, desk.git.fetch([lock_ref(environment.name)]), environment)
    return time_to_live(lock, desk.settings.lock.ttl)
