"""`preview.up`: a branch in a slot of its own; or what was pushed to it since, in the slot that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.parse import BRANCH
from scripts.config.preview_settings import seconds_of
from scripts.database.migrations.files import migrations_of, newest
from scripts.database.postgres.client import Postgres
from scripts.errors import DeskError, Locked, Refused
from scripts.git.client import StaleError
from scripts.preview import notices, show
from scripts.preview.content import bring_up_to_date
from scripts.preview.databases import Databases
from scripts.preview.end import end, end_held, undoing
from scripts.preview.hold import HeldSlot, dead_locks, hold, lock_of_slot
from scripts.preview.kinds import databases_of
from scripts.preview.places import Place, for_people, lock_name, places
from scripts.preview.request import PreviewUpRequest
from scripts.preview.show import Steps
from scripts.preview.variables import borrowed, require_harmless
from scripts.replit.live import Expected, fault
from scripts.state.lock import Lock, lock_ref
from scripts.state.preview_lease import Known, PreviewLease, observe_leases
from scripts.system import signals
from scripts.system.process import end_all

TASK = "preview.up"
NOT_UP = "it did not come up"
Dead = Mapping[str, tuple[str, Lock]]


class Busy(Locked):
    """Another run is at work on the very slot.

    Args:
        slot: its name.
    """

    def __init__(self, message: str, hint: str, slot: str) -> None:
        super().__init__(message, hint)
        self.slot = slot


@dataclass(frozen=True)
class Choice:
    """Where a branch is to be shown.

    Args:
        before: the lease that the branch has there; None for a free slot.
        dead: a lock there whose owner is dead.
    """

    place: Place
    commit: str
    base: str
    before: Known | None
    dead: tuple[str, Lock] | None


@for_people
def up(desk: Desk, request: PreviewUpRequest) -> Outcome:
    """Show a branch; it is up when the slot's URL answers with its commit."""
    ttl = _seconds(request.ttl or desk.settings.preview.ttl)
    require_branch(desk, request.branch)
    dead: Dead = {}
    until = desk.clock() + desk.settings.lock.wait
    while True:
        try:
            choice = choose(desk, request.branch, dead)
            if request.plan:
                return _planned(desk, request.branch, choice, ttl)
            _require_variables(choice.place)
            held = _take(desk, request.branch, choice, ttl)
        except Busy as busy:
            if not request.wait or desk.clock() > until:
                raise
            desk.progress.note(f"waiting: {busy.message}")
            dead = dead_locks(desk, [busy.slot])
        except StaleError:  # somebody was quicker: look again
            continue
        else:
            if held:
                return _Run(desk, choice, held).go()


def _require_variables(place: Place) -> None:
    """Return if the build will have what it needs, and nothing of another environment's.

    Raises:
        Refused: it will not.
    """
    lent = borrowed(place)
    require_harmless(lent)
    if place.desk.settings.preview.database != "supabase":  # a branch brings some of them
        lent.desk.build_variables(lent.environment)


def require_branch(desk: Desk, branch: str) -> None:
    """Return for a branch that may have a preview.

    Raises:
        Refused: it may not.
    """
    prefix = desk.settings.preview.branches
    if not branch:
        raise Refused("which branch?", "`invoke preview.up --branch feature/x`")
    if not BRANCH.fullmatch(branch) or not branch.isprintable():
        raise Refused(f"`{branch}` is no plain branch name")
    if not branch.startswith(prefix) or branch in desk.settings.names:
        raise Refused(
            f"`{branch}` gets no preview: only branches that begin with `{prefix}` do",
            "see `[preview] branches` in `env/pipeline.toml`",
        )


def choose(desk: Desk, branch: str, dead: Dead) -> Choice:
    """The slot that the branch has, or a free one; by the remote as it is now.

    Args:
        dead: locks whose owners are known to be dead.

    Raises:
        Refused: there is no such branch, or no slot at all.
        Busy: another run is at work on the branch's slot.
        Locked: every slot is taken.
    """
    known, first = places(desk), next(iter(desk.settings))
    ref = f"refs/heads/{branch}"
    refs, leases = observe_leases(desk, ref, first.branch_ref)
    if ref not in refs:
        raise Refused(f"the remote has no branch `{branch}`", f"`git push {desk.git.remote} {branch}`")
    commit, base = refs[ref], refs.get(first.branch_ref, "")
    own = next((slot for slot in known if slot in leases and leases[slot].lease.branch == branch), None)
    if own:
        locked = lock_of_slot(desk, refs, own)
        if locked and dead.get(own, ("",))[0] != locked[0]:
            raise Busy(
                f"the preview of `{branch}` in {own} is being worked on by {locked[1]}",
                f"`invoke preview.up --branch {branch} --wait` waits, and takes over if that run is dead",
                own,
            )
        return Choice(known[own], commit, base, leases[own], locked)
    free = [slot for slot in known if slot not in leases and lock_ref(lock_name(slot)) not in refs]
    if free:
        return Choice(known[free[0]], commit, base, None, None)
    raise _taken(desk, known, refs, leases)


def _taken(
    desk: Desk, known: Mapping[str, Place], refs: Mapping[str, str], leases: Mapping[str, Known]
) -> Locked:
    lines = []
    for slot in known:
        locked = lock_of_slot(desk, refs, slot)
        lines.append(
            str(leases[slot].lease) if slot in leases else f"{slot}: locked by {locked and locked[1]}"
        )
    listed = "".join(f"\n  | {line}" for line in lines)
    soon = min((each.lease for each in leases.values()), key=lambda lease: lease.until, default=None)
    ends = f"; or `invoke preview.down --branch {soon.branch}`" if soon and soon.branch else ""
    error = Locked(
        f"every slot for previews is taken:{listed}",
        f"`invoke preview.sweep` frees those that are over{ends}",
    )
    error.data = {"previews": [document(each) for each in leases.values()]}
    return error


def _take(desk: Desk, branch: str, choice: Choice, ttl: int) -> HeldSlot | None:
    """Hold the slot; None if the branch got another one at the same time."""
    before = choice.before.lease if choice.before else None
    now = datetime.fromisoformat(desk.now()).astimezone(UTC)
    goes_on = before is not None and before.state in ("up", "failed", "updating")
    lease = PreviewLease(
        slot=choice.place.slot,
        branch=branch,
        commit=choice.commit,
        base=before.base if before and goes_on else choice.base,
        owner=desk.actor,
        host=desk.host,
        since=before.since if before and goes_on else now.isoformat(timespec="seconds"),
        until=(now + timedelta(seconds=ttl)).isoformat(timespec="seconds"),
        run=desk.new_id(),
        state="updating" if goes_on else "starting",
        live=before.live if before else "",
        database=databases_of(desk, choice.place).described(choice.place.slot),
        pull=before.pull if before else 0,
    )
    held = hold(desk, lease.slot, TASK, choice.commit, before=choice.before, lease=lease, dead=choice.dead)
    if before is None:
        order = list(desk.settings.preview.slots)
        _, leases = observe_leases(desk)
        twins = [slot for slot, each in leases.items() if each.lease.branch == branch and slot in order]
        if min(twins, key=order.index) != lease.slot:
            held.finish(None)
            return None
    return held


@dataclass
class _Run:
    """One run of `preview.up` that holds its slot.

    Args:
        touched: what the branch showed before may be changed; it can't be left as it was.
        sent: a Publish was asked for.
    """

    desk: Desk
    choice: Choice
    held: HeldSlot
    touched: bool = False
    sent: bool = False
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lease(self) -> PreviewLease:
        if self.held.lease is None:
            raise AssertionError("it was made with the lock")
        return self.held.lease.lease

    def go(self) -> Outcome:
        try:
            self._work()
            pull = notices.pull_of(self.choice.place, self.lease.branch) or self.lease.pull
            lease = replace(self.lease, state="up", live=self.choice.commit, pull=pull)
            self.held.finish(lease)
        except BaseException as caught:
            signals.answer(lambda: undoing(self.choice.place.slot))
            end_all()
            self._undo(caught)
            raise
        place = self.choice.place
        notices.tell_up(place, lease)
        return Outcome.done(
            f"`{lease.branch}` is up at {place.environment.url} until {lease.until}",
            **document(Known("", lease)),
            url=place.environment.url,
            steps=self.steps,
        )

    def _work(self) -> None:
        place, commit, slot = borrowed(self.choice.place), self.choice.commit, self.choice.place.slot
        steps = Steps(self.desk, self.steps)
        databases: Databases = databases_of(self.desk, place)
        require_harmless(place)
        with steps.step("database", self.lease.database.get("name", "none")):
            made = databases.ensure(slot)
            if self.held.took_over and made.database and not made.fresh:
                Postgres(made.database).end_desks()
        place = place.given(made.variables)
        schema = (
            newest(each.version for each in migrations_of(self.desk, commit)) if made.database else None
        )
        expected = Expected(commit, place.environment.name, schema)
        shown = fault(place.driver.live(), expected) is None
        driver = place.driver if shown else show.build(steps, self.held, place, expected)
        self.touched = True
        with steps.step("content", "migrations and seed"):
            done = bring_up_to_date(self.desk, databases, slot, made, commit, check=self.held.check)
            self.desk.progress.note(done)
        doubt = ""
        if not shown:
            self.sent = True
            doubt = show.publish(steps, self.held, driver, expected)
        show.verify(steps, place, expected, doubt)

    def _undo(self, caught: BaseException) -> None:
        """Leave the slot as it was, or free; or in a state that the next run settles."""
        if isinstance(caught, Locked):
            return
        before = self.choice.before
        try:
            if before and self.lease.state == "updating":
                error = signals.as_desk_error(caught)
                said = (error.message if error else type(caught).__name__).splitlines()[0]
                failed = replace(self.lease, state="failed", said=said, live="")
                self.held.finish(failed if self.touched else before.lease)
            elif self.sent:
                self.held.finish(replace(self.lease, state="ending", said=NOT_UP))
                if isinstance(
                    caught, signals.Stop
                ):  # a signal has eight seconds, and a build may take minutes
                    raise Locked("the slot was not taken down")
                refs, leases = observe_leases(self.desk, next(iter(self.desk.settings)).branch_ref)
                end(self.desk, refs, leases[self.lease.slot], NOT_UP, task=TASK)
            else:
                end_held(self.held, None, NOT_UP)
        except (DeskError, StaleError, KeyError) as left:
            why = left.message if isinstance(left, DeskError) else "it moved meanwhile"
            self.desk.progress.note(f"warning: `invoke preview.sweep` settles what is left: {why}")


def _seconds(ttl: str) -> int:
    seconds = seconds_of(ttl)
    if seconds is None:
        raise Refused(f"`{ttl}` is no time of at most 30 days", "`--ttl 3d`, `--ttl 12h`")
    return seconds


def _planned(desk: Desk, branch: str, choice: Choice, ttl: int) -> Outcome:
    slot = choice.place.slot
    database = databases_of(desk, choice.place).described(slot).get("name", "")
    how = "updated in place" if choice.before else "a free slot"
    desk.progress.show(
        [
            f"`{branch}` (`{choice.commit[:12]}`) in {slot}: {how}",
            f"  database: {database or 'none'}",
            f"  address:  {choice.place.environment.url}",
        ]
    )
    return Outcome.done(
        "nothing was changed; this is what would happen",
        slot=slot,
        branch=branch,
        commit=choice.commit,
        url=choice.place.environment.url,
        database=database,
        updates=choice.before is not None,
        seconds=ttl,
    )


def document(known: Known) -> dict[str, Any]:
    """A lease for `--json`."""
    lease = known.lease
    return {
        "slot": lease.slot,
        "branch": lease.branch,
        "commit": lease.commit,
        "owner": lease.owner,
        "host": lease.host,
        "since": lease.since,
        "until": lease.until,
        "run": lease.run,
        "state": lease.state or "unreadable",
        "live": lease.live or None,
        "database": lease.database.get("name"),
        "pull": lease.pull or None,
        "said": lease.said,
    }
