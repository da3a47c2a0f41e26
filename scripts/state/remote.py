"""The shared state in the app's git remote: refs, ledger and lock, read; and the ledger, written.

The ledger is appended to by compare-and-swap, together with whatever must move with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts import VERSION
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state import ledger as ledgers
from scripts.state.event_rules import LONGEST_NAME
from scripts.state.ledger import Event, Ledger
from scripts.state.ledger_cache import ledger_at
from scripts.state.lock import LOCK_FILE, Lock, checked_lock, lock_ref
from scripts.state.rewritten import LedgerRewritten, holds
from scripts.system.background import Once, submit

APPENDS = 15  # tries while other environments append as well


@dataclass(frozen=True)
class Remote:
    """The shared state: the remote's refs, and what the ledger says."""

    refs: Mapping[str, str]
    ledger: Ledger

    def head(self, environment: Environment) -> str | None:
        """Where the environment's branch is; None when it is not there yet."""
        return self.refs.get(environment.branch_ref)


def observe_remote(desk: Desk) -> Remote:
    """Read the remote's refs and the ledger; their objects are in the clone afterwards.

    Raises:
        LedgerRewritten: it lacks what this clone has seen of it.
        CommandFailed: the remote can't be reached.
    """
    wanted = []
    for environment in desk.settings:
        wanted += [environment.branch_ref, lock_ref(environment.name)]
    return fetch_ledger(desk, wanted)


def fetch_ledger(desk: Desk, wanted: Sequence[str] = ()) -> Remote:
    """As `observe_remote`, with the objects of other refs."""
    early = desk.early_refs()
    # before the remote is asked: another run may append meanwhile
    trusted = early.trusted if early else desk.git.trusted(ledgers.REF)
    names = [ledgers.REF, *wanted]
    refs = desk.git.fetch(names, early.refs, early.ahead) if early else desk.git.fetch(names)
    return Remote(refs, _checked(desk, trusted, refs.get(ledgers.REF)))


def _checked(desk: Desk, trusted: str | None, tip: str | None) -> Ledger:
    """The ledger up to `tip`, which this clone trusts from now on."""
    ledger = read_ledger(desk, tip)
    if trusted and not holds(desk.git, ledger, trusted):
        desk.git.trust(ledgers.REF, trusted)  # the fetch has moved what was merely seen
        raise LedgerRewritten(desk.git.remote, read_ledger(desk, trusted), ledger)
    if tip and tip != trusted:
        desk.git.trust(ledgers.REF, tip)
    return ledger


@dataclass(frozen=True)
class KnownLedger:
    """The ledger as far as it is known.

    Args:
        doubt: why the remote can't be read, so that the ledger is the one that this clone saw last, or an
            empty one if it never saw any; None if it is the remote's.
        refs: of the remote; {} where it can't be read.
    """

    ledger: Ledger
    doubt: DeskError | None = None
    refs: Mapping[str, str] = field(default_factory=dict)

    @property
    def warning(self) -> str:
        """What the doubt means, for people; "" if there is none."""
        if self.doubt is None:
            return ""
        last = self.ledger.events[-1].at if self.ledger.events else ""
        known = (
            f"what this clone saw of it last, up to {last}, counts"
            if last
            else "nothing of it is known here"
        )
        return f"the ledger can't be read, and {known}: {self.doubt.message}"


def known_ledger(desk: Desk) -> KnownLedger:
    """The remote's ledger, or what this clone has seen of it if that can't be reached; only for reading.

    Raises:
        LedgerRewritten: it lacks what this clone has seen of it.
    """
    try:
        remote = observe_remote(desk)
    except (CommandFailed, CommandTimedOut) as fault:
        return KnownLedger(read_ledger(desk, desk.git.trusted(ledgers.REF)), fault)
    return KnownLedger(remote.ledger, refs=remote.refs)


def read_ledger(desk: Desk, tip: str | None) -> Ledger:
    """The ledger up to one of its commits."""
    return _ledger(desk.git, tip) if tip else Ledger(None, ())


_ledger = Once(ledger_at)  # a commit never changes


def read_on(desk: Desk) -> None:
    """Read the ledger up to what this run has appended last, in the background, before it is asked for."""
    submit(lambda: read_ledger(desk, desk.git.trusted(ledgers.REF)))


def read_lock(desk: Desk, refs: Mapping[str, str], environment: Environment) -> Lock | None:
    """The lock of an environment, by refs that were just read; None if it is not locked."""
    commit = refs.get(lock_ref(environment.name))
    if commit is None:
        return None
    found = desk.git.document(commit, LOCK_FILE)
    return checked_lock(found.document, environment.name, found.fault)


def new_event(
    desk: Desk,
    environment: str,
    kind: str,
    ending: str = "done",
    *,
    release: str,
    commit: str,
    run: str,
    detail: Mapping[str, Any],
) -> Event:
    """An event of this moment, by this actor."""
    actor = desk.actor[:LONGEST_NAME] or "somebody"
    return Event(environment, kind, ending, release, commit, actor, desk.now(), run, detail, VERSION)


def record(
    desk: Desk,
    environment: str,
    kind: str,
    ending: str = "done",
    *,
    commit: str | None = None,
    release: str | None = None,
    run: str = "",
    tip: str | None = None,
    **detail: Any,
) -> Event:
    """Append one event that is no release.

    Args:
        commit: what it is about; None: the commit that is live when the event is appended.
        release: None: the id of the live release, if that is of the same commit.
        run: the run that found it out; "": a new id.
        tip: where the ledger was seen last; None: ask the remote.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    run = run or desk.new_id()

    def make(ledger: Ledger) -> Event:
        live = ledger.live(environment)
        about = live if live and commit in (None, live.commit) else None
        return new_event(
            desk,
            environment,
            kind,
            ending,
            release=release if release is not None else (about.release if about else ""),
            commit=commit if commit is not None else (about.commit if about else ""),
            run=run,
            detail=detail,
        )

    return append(desk, tip or fetch_ledger(desk).ledger.tip, make)


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
        LedgerRewritten: it lacks what this run has seen of it.
    """
    there = tip
    for attempt in range(APPENDS):
        event = make(read_ledger(desk, tip))
        written = desk.git.commit_json(ledgers.FILE, event.document(), event.subject, tip)
        try:
            desk.git.push([Update(ledgers.REF, there, written), *updates()])
        except StaleError as fault:
            there = desk.git.fetch([ledgers.REF]).get(ledgers.REF)
            found = read_ledger(desk, there)
            arrived = found.of_run(event.run, event.kind, event.environment)
            if arrived:  # an earlier push of this run did, and only its answer was lost
                return arrived
            stale(fault)
            tip = _follow(desk, tip, found)
            desk.sleep(random.uniform(0.05, 0.2) * (attempt + 1))  # noqa: S311 - jitter
            continue
        desk.git.trust(ledgers.REF, written)
        return event
    raise CommandFailed("the ledger moves faster than this run can append to it", "try again")


def _follow(desk: Desk, tip: str | None, found: Ledger) -> str | None:
    """The commit that the next try appends to, after the remote's ledger moved away from `tip`.

    A ledger that was deleted comes back with the event: nothing of it is lost.

    Raises:
        LedgerRewritten: it lacks what this run has seen of it.
    """
    if tip is None or (found.tip and holds(desk.git, found, tip)):
        return found.tip
    if found.tip:
        raise LedgerRewritten(desk.git.remote, read_ledger(desk, tip), found)
    desk.progress.note(
        f"warning: somebody deleted the ledger from `{desk.git.remote}` during this run: it is put back,"
        " with all its events; protect the branch `deploy-ledger`"
    )
    return tip


def locked(desk: Desk, environment: Environment) -> Locked:
    """The error that names the run which was quicker."""
    refs = desk.git.fetch([lock_ref(environment.name), ledgers.REF])
    lock = read_lock(desk, refs, environment)
    hint = f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
    if lock:
        return Locked(f"{environment.name} is locked by {lock}", hint)
    last = read_ledger(desk, refs.get(ledgers.REF)).last(environment.name)
    who = f" by {last.actor} (run {last.run}, {last.release})" if last else ""
    return Locked(f"{environment.name} was locked{who} until a moment ago", "try again")
