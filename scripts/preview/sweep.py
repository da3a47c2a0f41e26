"""`preview.sweep`: what is over ends, whoever began it: previews, dead runs, databases without a lease."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.slots import environment_name
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.git.client import StaleError
from scripts.github import pulls
from scripts.preview.end import Ended, end
from scripts.preview.hold import dead_locks, hold
from scripts.preview.kinds import databases_of
from scripts.preview.notices import hub_for
from scripts.preview.over import Sight, why_over
from scripts.preview.places import for_people, place_of
from scripts.preview.request import PreviewSweepRequest
from scripts.state.lock import Lock, lock_ref
from scripts.state.preview_lease import Known, PreviewLease, observe_leases

TASK = "preview.sweep"
SKEW = 600.0  # seconds from which on a clock of this machine that differs is said
FAMILY_LOCK = lock_ref(environment_name(""))


@dataclass
class Found:
    """What is over.

    Args:
        over: leases, each with why.
        locks: slots whose lock a dead run left, without a lease.
        databases: slots that have a database, and neither lease nor lock.
    """

    over: list[tuple[Known, str]] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)

    def words(self) -> list[str]:
        """One line for each."""
        return [
            *(
                f"{known.lease.slot}: the preview of `{known.lease.branch}` ends: {why}"
                for known, why in self.over
            ),
            *(f"{slot}: the lock of a dead run goes" for slot in self.locks),
            *(f"{slot}: a database that no lease names is dropped" for slot in self.databases),
        ]


@for_people
def sweep(desk: Desk, request: PreviewSweepRequest) -> Outcome:
    """End what is over. Runs that are alive, and previews that are renewed meanwhile, are left alone."""
    refs = desk.git.ls_remote()
    held = [ref.removeprefix(FAMILY_LOCK) for ref in refs if ref.startswith(FAMILY_LOCK)]
    dead = dead_locks(desk, held) if held else {}
    refs, leases = observe_leases(desk, next(iter(desk.settings)).branch_ref)
    found = look(desk, refs, leases, dead)
    if not found.words():
        return Outcome.nothing(f"nothing is over; {len(leases)} previews", ended=[], databases=[], left=[])
    desk.progress.show(found.words())
    if request.plan:
        return Outcome.done(
            "nothing was changed; this is what would end",
            ended=[Ended(known, why).document() for known, why in found.over],
            databases=found.databases,
            left=[],
        )
    return _swept(desk, refs, found, dead)


def look(
    desk: Desk, refs: Mapping[str, str], leases: Mapping[str, Known], dead: Mapping[str, tuple[str, Lock]]
) -> Found:
    """What is over, by the remote as it was just read.

    Args:
        dead: locks whose owners are dead.
    """
    found = Found()
    for slot, known in leases.items():
        locked = lock_ref(environment_name(slot)) in refs and slot not in dead
        if why := why_over(known.lease, _sight(desk, refs, known, locked=locked)):
            found.over.append((known, why))
    found.locks = [slot for slot in dead if slot not in leases]
    taken = {*leases, *(ref.removeprefix(FAMILY_LOCK) for ref in refs if ref.startswith(FAMILY_LOCK))}
    try:
        found.databases = [slot for slot in databases_of(desk, None).slots() if slot not in taken]
    except DeskError as fault:
        desk.progress.note(f"warning: databases that no lease names were not looked for: {fault.message}")
    return found


def _sight(desk: Desk, refs: Mapping[str, str], known: Known, *, locked: bool) -> Sight:
    lease = known.lease
    if locked or not lease.settled:
        return Sight(locked, refs, "")
    first = next(iter(desk.settings))
    head = refs.get(first.branch_ref)
    inside = [lease.commit] if head and desk.git.is_ancestor(lease.commit, head) else []
    before = [lease.commit] if inside and _contained(desk, lease.commit, lease.base) else []
    return Sight(locked, refs, _now(desk, lease.slot), inside, before, _pull(desk, lease))


def _contained(desk: Desk, commit: str, base: str) -> bool:
    try:
        return bool(base) and desk.git.is_ancestor(commit, base)
    except CommandFailed:  # that commit is not here any more
        return False


def _pull(desk: Desk, lease: PreviewLease) -> str:
    """How the preview's pull request stands; "" where that is not known.

    A branch of that name may have had one before, which says nothing of this preview.
    """
    try:
        hub = hub_for(desk)
        if hub is None:
            return ""
        found = pulls.find(hub, lease.branch, next(iter(desk.settings)).branch, state="all")
    except DeskError as fault:
        desk.progress.note(f"warning: the pull request of `{lease.branch}` is not known: {fault.message}")
        return ""
    is_its = found is not None and (found.number == lease.pull or found.head == lease.commit)
    return found.state if found and is_its else ""


def _now(desk: Desk, slot: str) -> str:
    """The time by the slot's own server; this machine's where that is silent: its clock may be wrong."""
    ours = datetime.fromisoformat(desk.now()).astimezone(UTC)
    at = place_of(desk, slot).driver.live().at if slot in desk.settings.preview.slots else None
    if at is None or abs(at - ours.timestamp()) < SKEW:
        return ours.isoformat(timespec="seconds")
    desk.progress.note(
        f"warning: this clock is {abs(at - ours.timestamp()):.0f} s off; that of the slot {slot} counts"
    )
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _swept(
    desk: Desk, refs: Mapping[str, str], found: Found, dead: Mapping[str, tuple[str, Lock]]
) -> Outcome:
    """Each by itself: what can't be ended delays no other."""
    ended: list[Ended] = []
    dropped: list[str] = []
    left: list[dict[str, Any]] = []
    for known, why in found.over:
        with _alone(desk, known.lease.slot, left):
            ended.append(end(desk, refs, known, why, dead=dead.get(known.lease.slot), task=TASK))
    for slot in dict.fromkeys((*found.locks, *found.databases)):
        with _alone(desk, slot, left):
            dropped += [slot] if _drop_orphan(desk, refs, slot, dead.get(slot)) else []
    for each in ended:
        if each.left:
            desk.progress.note(f"warning: {each.left}")
    data: dict[str, Any] = {
        "ended": [each.document() for each in ended],
        "databases": dropped,
        "left": left,
    }
    if left:
        listed = "".join(f"\n  | {each['slot']}: {each['why']}" for each in left)
        hint = "`invoke preview.sweep` tries again"
        return Outcome.failed(f"{len(left)} could not be ended:{listed}", hint, **data)
    done = f"{len(ended)} previews ended, {len(dropped)} databases without one dropped"
    return Outcome.done(done, **data)


@contextmanager
def _alone(desk: Desk, slot: str, left: list[dict[str, Any]]) -> Iterator[None]:
    """Note what fails for a slot; one that somebody else has by now is none of ours."""
    try:
        yield
    except (Locked, StaleError):
        desk.progress.note(f"{slot}: it was renewed, or somebody else is at work there: left alone")
    except DeskError as fault:
        left.append({"slot": slot, "why": fault.message})


def _drop_orphan(desk: Desk, refs: Mapping[str, str], slot: str, dead: tuple[str, Lock] | None) -> bool:
    """Drop a database that no lease names: while the slot's lock is held, nobody can begin one there."""
    head = refs.get(next(iter(desk.settings)).branch_ref) or (dead[1].commit if dead else "")
    held = hold(desk, slot, TASK, head, before=None, lease=None, dead=dead)
    try:
        _, leases = observe_leases(desk)
        return slot not in leases and databases_of(desk, None).drop(slot)
    finally:
        held.finish(None)
