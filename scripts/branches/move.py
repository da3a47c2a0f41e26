"""Move several branches under the locks of their environments, in one atomic push with the ledger.

Never by force: each ref has a lease. A run that dies before the push has moved nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise

from scripts.branches.alignment import Alignment
from scripts.branches.merge import merging
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.ledger import REF, Event, Ledger
from scripts.state.lock import Lock, candidate_ref, lock_ref
from scripts.state.remote import append, locked, new_event, observe_remote, read_lock
from scripts.system import signals
from scripts.system.signals import Stop

TASK = "backmerge"


def environments(desk: Desk, found: Alignment) -> list[Environment]:
    """The environments whose branches move."""
    return [desk.settings.environments[each.environment] for each in found.moves]


def move(desk: Desk, found: Alignment) -> Event:
    """Lock the environments, then push branches, ledger and the deletion of the locks together.

    Raises:
        Locked: another run holds one of them, or moved one of the branches: nothing was moved.
    """
    with _locks(desk, found) as held:
        branches = [
            Update(each.branch_ref, move.old, move.new)
            for each, move in zip(environments(desk, found), found.moves, strict=True)
        ]

        # git takes a push of what is there already for a good one, whatever its lease says, and two runs of
        # one second make the same merge commits
        refs = desk.git.ls_remote()
        if elsewhere := [each.ref for each in branches if refs.get(each.ref) != each.old]:
            raise _moved(elsewhere[0])

        def updates() -> list[Update]:
            return [*branches, *(update for each in held for update in each.releases())]

        def stale(fault: StaleError) -> None:
            lost = [each.ref for each in held if not each.reconcile(fault.refs)]
            lost += [branch.ref for branch in branches if fault.refs.get(branch.ref) != branch.old]
            if lost:
                raise _moved(lost[0])

        def make(ledger: Ledger) -> Event:
            return _event(desk, found, ledger, held[0].content.run)

        with ExitStack() as still:
            for each in held:
                each.stop()
                still.enter_context(each.paused())
            return append(desk, desk.git.trusted(REF), make, updates, stale)


def _moved(ref: str) -> Locked:
    return Locked(f"`{ref}` was moved by somebody else; nothing was moved", "try again")


@contextmanager
def _locks(desk: Desk, found: Alignment) -> Iterator[Sequence[HeldLock]]:
    """Hold the locks; the push of `move` deletes them, an error releases them."""
    run, held = desk.new_id(), list[HeldLock]()
    try:
        for move, environment in zip(found.moves, environments(desk, found), strict=True):
            held.append(HeldLock(desk, new_lock(desk, move.environment, TASK, move.new, run=run)))
            try:
                held[-1].acquire()
            except StaleError:
                raise locked(desk, environment) from None
        yield held
    except BaseException as fault:
        if isinstance(fault, Stop) and held:
            signals.answer(lambda: _giving_back(held))
        for each in held:
            with suppress(DeskError, StaleError):  # it may not have been acquired
                each.release()
        if isinstance(fault, Stop) and _unmoved(desk, found):
            fault.args = (f"{fault}: no branch was moved",)
        raise


def _giving_back(held: Sequence[HeldLock]) -> str:
    """The answer to a signal that comes while the locks are released."""
    names = [each.content.environment for each in held]
    return (
        f"still releasing the locks of {', '.join(names)}"
        f"\n  | if that is killed, they stay: `invoke resume --env {names[0]}` releases them"
    )


def _unmoved(desk: Desk, found: Alignment) -> bool:
    """Whether each branch is where it was, as the remote says now; no where it says nothing."""
    with suppress(DeskError):
        refs = desk.git.ls_remote()
        places = zip(environments(desk, found), found.moves, strict=True)
        return all(refs.get(place.branch_ref) == move.old for place, move in places)
    return False


def _event(desk: Desk, found: Alignment, ledger: Ledger, run: str) -> Event:
    """One event for all branches, under the environment that they are merged from."""
    source = found.heads[0]
    live = ledger.live(source.environment)
    document = found.document()
    for each in document["moves"]:
        del each["commits"]  # git has them
    return new_event(
        desk,
        source.environment,
        TASK,
        release=live.release if live else "",
        commit=source.commit,
        run=run,
        detail=document,
    )


def trees(desk: Desk, found: Alignment) -> dict[str, dict[str, str]]:
    """The tree of each branch before and after, read again from the commits that were pushed.

    Raises:
        CommandFailed: a branch lacks something of the one after it, which the merges should exclude.
    """
    git, new = merging(desk), {each.branch: each.new for each in found.moves}
    ends = [new.get(head.branch, head.commit) for head in found.heads]
    if not all(git.is_ancestor(later, earlier) for later, earlier in pairwise(ends)):
        raise CommandFailed("the branches moved, and are not aligned", "`invoke backmerge --all --plan`")
    return {
        head.branch: {"before": head.tree, "after": git.tree_id(end)}
        for head, end in zip(found.heads, ends, strict=True)
    }


def give_back(desk: Desk, dead: Lock) -> Outcome:
    """Release the locks of a dead back-merge. Its one push moves everything, so it has moved nothing."""
    refs = observe_remote(desk).refs
    updates = []
    for environment in desk.settings:
        lock = read_lock(desk, refs, environment)
        if lock and lock.run == dead.run:
            own = (lock_ref(environment.name), candidate_ref(environment.name, dead.run))
            updates += [Update(ref, refs[ref], None) for ref in own if ref in refs]
    try:
        desk.git.push(updates)
    except StaleError:
        raise Locked(f"run {dead.run} sent a heartbeat, or has just ended", "`invoke status`") from None
    return Outcome.done(
        f"run {dead.run} was a back-merge that had moved nothing; its locks are free",
        "again: `invoke backmerge --all --plan`",
    )
