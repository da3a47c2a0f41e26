"""One execution of a mutating task: its lock, its steps and its journal."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.migrations import measure
from scripts.database.migrations.measure import Measured
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.http import Answer
from scripts.release.facts import Facts
from scripts.release.plan import Plan
from scripts.release.request import ReleaseRequest
from scripts.state import ledger as state_ledger
from scripts.state.held_lock import Holding
from scripts.state.journal import Journal
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import Lock
from scripts.state.remote import append, locked, read_ledger
from scripts.state.steps import Steps

DRIVERS = ("build", "publish", "verify")  # steps whose time is the driver's, not the desk's


@dataclass(kw_only=True)
class Run(Steps):
    """What a run knows about itself while it goes on.

    Args:
        schema: the newest version in the database, as read last; None without a database.
        live: the last answer of the public URL.
        migrated: the files that this run has applied, and that stand.
        undone: the files whose rollback scripts this run has run.
        restored: the backup that the data went back to, and what was lost by that; `safety` keeps it.
        sent: a Publish was asked for, so what is live may still change.
        proven: when the public URL was seen to be right, by the clock.
        measured: what the rehearsal of the pending migrations found.
        doubt: why nobody knows whether that Publish was begun; None when it was.
    """

    plan: Plan
    schema: str | None = None
    live: Answer | None = None
    release: str | None = None
    migrated: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    restored: dict[str, Any] | None = None
    safety: str = ""
    sent: bool = False
    proven: float = 0.0
    doubt: str | None = None
    measured: tuple[Measured, ...] = ()

    @property
    def environment(self) -> Environment:
        """The environment that is held."""
        return self.plan.facts.environment

    @property
    def at(self) -> str:
        """The step that began last."""
        return str(self.steps[-1]["name"]) if self.steps else "lock"

    @property
    def took(self) -> str:
        """How long it took from the command to the proof, and how much of that was the driver's."""
        driver = sum(each["seconds"] for each in self.steps if each["name"] in DRIVERS)
        passed = self.proven - self.desk.started
        return f"proven {passed:.1f} s after the command, the driver's {driver:.1f} s"

    def document(self) -> dict[str, Any]:
        """What the JSON document says of this run."""
        return {
            "environment": self.environment.name,
            "release": self.release,
            "commit": self.plan.facts.wanted,
            "live": self.live.commit if self.live else None,
            "schema": self.schema,
            "undone": list(self.undone),
            "restored": self.restored,
            "rehearsed": [each.document() for each in self.measured],
            "run": self.id,
            "steps": self.steps,
        }


# How a run begins: the lock and the candidate in one push, and the plan still true after it.


JOURNALS = 200  # runs whose journals are kept on this machine


def acquire(desk: Desk, plan: Plan, reason: str = "") -> Run:
    """Take the lock and show the candidate, in one push; then make sure that the plan still holds.

    Raises:
        Locked: somebody else has it, or released here while this run was planning.
    """
    run = begin(desk, plan, Holding(desk, lock_for(desk, plan, reason)))
    with run.step("lock", run.environment.name):
        try:
            run.holding.take()
            _still_planned(run)
        except StaleError:
            raise locked(desk, run.environment) from None
        except BaseException:
            with suppress(DeskError, StaleError):  # it may have been taken, or given back already
                run.holding.free()
            raise
    return run


def begin(desk: Desk, plan: Plan, holding: Holding) -> Run:
    """A run that goes by this plan."""
    journal = Journal(desk.state_folder / "runs", holding.lock.run)
    journal.prune(desk.state_folder / "runs", JOURNALS)
    facts = plan.facts
    journal.write(at=desk.now(), lock=holding.lock.document(), plan=plan.document())
    return Run(
        desk=desk, holding=holding, journal=journal, plan=plan, schema=facts.standing, live=facts.live
    )


def lock_for(desk: Desk, plan: Plan, reason: str = "") -> Lock:
    """The lock of a new run."""
    facts = plan.facts
    return Lock(
        run=desk.new_id(),
        nonce=desk.new_id(),
        actor=desk.actor,
        host=desk.host,
        task=facts.task,
        environment=facts.environment.name,
        commit=facts.wanted,
        acquired_at=desk.now(),
        source=facts.source.name if facts.source else "",
        release=facts.target.release if facts.target else "",
        reason=reason,
        request=_agreed(facts).document(),
        ttl=desk.settings.lock.ttl,
    )


def _agreed(facts: Facts) -> ReleaseRequest:
    """The request, with the release and the backup that were found for it."""
    to = facts.target.release if facts.target else facts.request.to
    return replace(facts.request, to=to, backup=facts.data.manifest.id if facts.data else "")


def _still_planned(run: Run) -> None:
    """Between the plan and the lock somebody else may have had the lock, and released it again."""
    desk, facts = run.desk, run.plan.facts
    refs = desk.git.fetch([state_ledger.REF])
    ledger = read_ledger(desk, refs.get(state_ledger.REF))
    before, now = facts.ledger.last(facts.environment.name), ledger.last(facts.environment.name)
    if refs.get(run.holding.ref) not in run.holding.tried:
        raise CommandFailed(
            f"`{desk.git.remote}` does not show the lock that was pushed to it",
            "does it push to another address than it reads from (`git remote -v`)?",
        )
    if before == now and refs.get(facts.environment.branch_ref) == facts.head:
        return
    if now and now != before:
        raise Locked(
            f"{now.actor} released `{now.commit[:12]}` on {now.environment} as {now.release}"
            f" (run {now.run}) while this run was planning",
            "look at `invoke status`, then try again",
        )
    raise Locked(f"`{facts.environment.branch}` moved while this run was planning", "try again")


# How a run ends: one event in the ledger, and in the same push branch, candidate and lock.


def write_down(run: Run, ending: str, *, moves_branch: bool, **detail: Any) -> Event:
    """The one atomic push that ends a run: ledger, branch, candidate and lock move together or not at all.

    Raises:
        Locked: the lock is no longer ours, or the branch moved: nothing was written.
        CommandFailed: the remote refused, or can't be reached.
    """
    facts = run.plan.facts
    run.holding.end()

    def make(ledger: Ledger) -> Event:
        return _event_of(run, ledger.next_release(run.environment.name), ending, detail)

    def updates() -> list[Update]:
        moves = moves_branch and facts.head != facts.wanted
        branch = Update(run.environment.branch_ref, facts.head, facts.wanted)
        return [*run.holding.leftovers(), *([branch] if moves else [])]

    def stale(fault: StaleError) -> None:
        _still_ours(run, fault, moves_branch=moves_branch)

    with run.holding.still():
        event = append(run.desk, facts.ledger.tip, make, updates, stale)
    run.release = event.release
    return event


def _still_ours(run: Run, stale: StaleError, *, moves_branch: bool) -> None:
    """Only the ledger may have moved; anything else means that the environment is not ours."""
    environment, facts = run.environment, run.plan.facts
    if not run.holding.adopt(stale.refs):
        raise Locked(
            f"the lock of {environment.name} is no longer held by this run: nothing was written",
            "`invoke status` says who holds it and what is live",
        )
    if moves_branch and stale.refs.get(environment.branch_ref) != facts.head:
        raise Locked(
            f"`{environment.branch}` was moved by somebody else during this run",
            "`invoke status` says what is live",
        )


def _going_back(run: Run) -> dict[str, Any]:
    """What a rollback says beside: where it went back to, and which commit is bad by that."""
    facts, lock = run.plan.facts, run.holding.lock
    known: dict[str, Any] = {"reason": lock.reason} if lock.reason else {}
    if facts.target is None:
        return known
    left = facts.previous
    bad = left.commit if left and left.commit != facts.wanted else None
    return {**known, "to": facts.target.release, "bad": bad, "left": left.release if left else None}


def _event_of(run: Run, release: str, ending: str, detail: dict[str, Any]) -> Event:
    desk, facts = run.desk, run.plan.facts
    known = {
        "schema": run.schema,
        "built_for": facts.schema,
        "undone": list(run.undone),
        "restored": run.restored,
        "measured": measure.documents(run.measured, run.plan.comparison.pending),
        "source": facts.source.name if facts.source else None,
        "previous": facts.previous.release if facts.previous else None,
        "url": run.environment.url,
        **_going_back(run),
        "steps": [step for step in run.steps if step["ending"] != "running"],
        "migrations": [each.file for each in run.plan.comparison.pending],
        **detail,
    }
    return Event(
        environment=run.environment.name,
        kind=facts.kind,
        ending=ending,
        release="" if facts.kind == "drill" else release,
        commit=facts.wanted,
        actor=desk.actor,
        at=desk.now(),
        run=run.id,
        detail=known,
    )
