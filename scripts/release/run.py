"""One execution of a release: it begins with the lock, and ends with the one atomic push."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.edge_functions import record
from scripts.database.edge_functions.record import Deployed, Record
from scripts.database.migrations import aftermath, known_state, measurements
from scripts.database.migrations.measurements import Measurement
from scripts.errors import DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.notify.source_maps import Upload
from scripts.release.facts import Facts
from scripts.release.plan import Plan
from scripts.release.request import ReleaseRequest
from scripts.replit.driver import Driver
from scripts.replit.drivers import driver_of
from scripts.replit.live import Answer, Expected
from scripts.state import ledger as ledgers
from scripts.state.held_lock import HeldLock, Planned, new_lock, refuse_masked
from scripts.state.journal import Journal
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import FREE, Lock
from scripts.state.remote import append, locked, new_event, read_on
from scripts.state.run import Run
from scripts.state.watch import opens

JOURNALS = 200  # runs whose journals are kept on this machine


@dataclass(kw_only=True)
class ReleaseRun(Run):
    """What a release knows about itself while it runs.

    Args:
        driver: of the environment.
        schema: the newest version in the database, as read last; None without a database.
        live: the last answer of the public URL.
        built: what the workspace was built to last by this run; None: it did not touch it.
        migrated: the files that this run has applied, and that are still applied.
        undone: the files whose rollback scripts this run has run.
        restored: the backup that the data went back to, and what was lost by that.
        switched: the run that restored the data and keeps the present ones; "" if they are not restored.
        restored_tables: the tables that this run has restored.
        safety: the backup that keeps the present state.
        sent: a Publish was asked for, so what is live may still change.
        proven: when the public URL was seen to be right, by the clock.
        measured: what the dry run of the pending migrations found.
        tables: what stands in the database at the end, for `db.status` later; None: not looked at.
        half_applied: what stands of a migration that failed; None: nothing, as far as is known.
        deploying: Edge Functions that this run, or the dead one, has asked to deploy and not put back.
        deployed: those that this run has deployed, as they were read back.
        records: what is known of the project's functions now; None: this run has not touched them.
        doubt: why nobody knows whether that Publish was begun; None when it was.
        maps: the upload of the build's source maps; None: there is none.
        artifact: what was built on this machine and delivered, with its digest; {}: nothing was.
    """

    driver: Driver
    plan: Plan
    schema: str | None = None
    live: Answer | None = None
    release: str | None = None
    migrated: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    restored: dict[str, Any] | None = None
    switched: str = ""
    restored_tables: tuple[str, ...] = ()
    safety: str = ""
    sent: bool = False
    proven: float = 0.0
    tables: tuple[str, ...] | None = None
    half_applied: dict[str, Any] | None = None
    deploying: tuple[str, ...] = ()
    deployed: dict[str, Deployed] = field(default_factory=dict)
    records: dict[str, Record] | None = None
    doubt: str | None = None
    built: Expected | None = None
    measured: tuple[Measurement, ...] = ()
    maps: Upload | None = None
    artifact: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """The environment that is held."""
        return self.plan.facts.environment

    @property
    def took(self) -> str:
        """How long it took from the command to the proof."""
        return f"in {self.proven - self.desk.started:.1f} s"

    def document(self) -> dict[str, Any]:
        """What the JSON document says of this run."""
        return {
            "environment": self.environment.name,
            "release": self.release,
            "commit": self.plan.facts.wanted,
            "live": self.live.commit if self.live else None,
            **({"lock": FREE} if self.lock.freed else {}),
            "schema": self.schema,
            "undone": list(self.undone),
            "restored": self.restored,
            aftermath.KEY: self.half_applied,
            "rehearsed": [each.document() for each in self.measured],
            "functions": [{"name": row.name, "version": row.version} for row in self.deployed.values()],
            **({"pull_request": self.plan.facts.pull.document()} if self.plan.facts.pull else {}),
            "run": self.id,
            "steps": self.steps,
        }


def acquire(desk: Desk, plan: Plan, reason: str = "") -> ReleaseRun:
    """Acquire the lock and push the candidate in one push, if the plan is still true.

    Raises:
        Locked: another run holds it, or released here while this run was planning.
    """
    facts, environment = plan.facts, plan.facts.environment
    versions = (facts.standing or "", *(each.version for each in plan.comparison.pending))
    refuse_masked({"the version of a migration": " ".join(versions)})
    run = begin(desk, plan, HeldLock(desk, lock_for(desk, plan, reason)))
    run.driver.connect()  # beside the round trips to the git remote
    with run.step("lock", environment.name):
        try:
            head = {environment.branch_ref: facts.head} if facts.head else {}
            run.lock.begin(Planned(facts.ledger.tip, head, partial(_fits, plan)))
            run.lock.look_for_it()
            read_on(desk)
        except StaleError as stale:
            run.driver.disconnect()
            if run.lock.ref in stale.refs:
                raise locked(desk, environment) from None
            raise Locked(f"`{environment.branch}` moved while this run was planning", "try again") from None
        except BaseException:
            run.driver.disconnect()
            with suppress(DeskError, StaleError):  # it may be acquired
                run.lock.release()
            raise
    return run


def begin(desk: Desk, plan: Plan, lock: HeldLock) -> ReleaseRun:
    """A run of this plan under a lock that may not be acquired yet."""
    folder, facts = desk.state_folder / "runs", plan.facts
    journal = Journal(folder, lock.content.run)
    journal.prune(folder, JOURNALS)
    journal.write(at=desk.now(), lock=lock.content.document(), plan=plan.document())
    return ReleaseRun(
        desk=desk,
        lock=lock,
        journal=journal,
        driver=driver_of(desk, facts.environment),
        plan=plan,
        schema=facts.standing,
        live=facts.live,
        deploying=tuple(lock.content.functions),
    )


def lock_for(desk: Desk, plan: Plan, reason: str = "", dead: Lock | None = None) -> Lock:
    """The content of the lock of a new run, which may settle what a dead one has begun."""
    facts = plan.facts
    return new_lock(
        desk,
        facts.environment.name,
        facts.task,
        facts.wanted,
        source=facts.source.name if facts.source else "",
        release=facts.target.release if facts.target else "",
        reason=reason,
        request=_agreed(facts).document(),
        functions=dead.functions if dead else {},
    )


def _agreed(facts: Facts) -> ReleaseRequest:
    """The request, with the release and the backup that were found for it."""
    to = facts.target.release if facts.target else facts.request.to
    return replace(facts.request, to=to, backup=facts.data.manifest.id if facts.data else "")


def _fits(plan: Plan, ledger: Ledger) -> None:
    """Between the plan and the lock another run may have held the lock, and released it again.

    Raises:
        Locked: one has released here.
    """
    name = plan.facts.environment.name
    before, now = plan.facts.ledger.last(name), ledger.last(name)
    if now and now != before:
        raise Locked(
            f"{now.actor} released `{now.commit[:12]}` on {now.environment} as {now.release}"
            f" (run {now.run}) while this run was planning",
            "look at `invoke status`, then try again",
        )


def write_down(run: ReleaseRun, ending: str, *, moves_branch: bool, **detail: Any) -> Event:
    """End the run with one atomic push: ledger, branch, candidate and lock move together or not at all.

    Raises:
        Locked: another run holds the lock, or the branch moved: nothing was written.
        CommandFailed: the remote refused, or can't be reached.
    """
    facts, environment = run.plan.facts, run.environment
    run.lock.stop()
    watched = (ending, facts.kind) == ("done", "release") and environment.watch.minutes
    window = [opens(run.desk, environment, run.id, facts.wanted)] if watched else []

    def make(ledger: Ledger) -> Event:
        return _event(run, ledger.next_release(environment.name), ending, detail)

    def updates() -> list[Update]:
        moves = moves_branch and facts.head != facts.wanted
        branch = Update(environment.branch_ref, facts.head, facts.wanted)
        return [*run.lock.releases(), *([branch] if moves else []), *window]

    def stale(fault: StaleError) -> None:
        _require_lock(run, fault, moves_branch=moves_branch)

    with run.lock.paused():
        event = append(run.desk, run.desk.git.trusted(ledgers.REF), make, updates, stale)
    run.lock.freed = True
    run.release = event.release
    read_on(run.desk)  # the end of the task says what is live
    return event


def _require_lock(run: ReleaseRun, stale: StaleError, *, moves_branch: bool) -> None:
    """Only the ledger may have moved; anything else means that the environment is not ours."""
    environment, facts = run.environment, run.plan.facts
    if not run.lock.reconcile(stale.refs):
        raise Locked(
            f"the lock of {environment.name} is no longer held by this run: nothing was written",
            "`invoke status` says who holds it and what is live",
        )
    if moves_branch and stale.refs.get(environment.branch_ref) != facts.head:
        raise Locked(
            f"`{environment.branch}` was moved by somebody else during this run",
            "`invoke status` says what is live",
        )


def _rollback_detail(run: ReleaseRun) -> dict[str, Any]:
    """What the event of a rollback holds too: where it went back to, and which commit is bad now."""
    facts, lock = run.plan.facts, run.lock.content
    known: dict[str, Any] = {"reason": lock.reason} if lock.reason else {}
    if facts.target is None:
        return known
    left = facts.previous
    bad = left.commit if left and left.commit != facts.wanted else None
    return {**known, "to": facts.target.release, "bad": bad, "left": left.release if left else None}


def _event(run: ReleaseRun, release: str, ending: str, detail: dict[str, Any]) -> Event:
    desk, facts = run.desk, run.plan.facts
    known = {
        "schema": run.schema,
        "built_for": facts.schema,
        **({aftermath.KEY: run.half_applied} if run.half_applied else {}),
        **({} if run.tables is None else {known_state.TABLES: list(run.tables)}),
        **({} if run.records is None else {record.KEY: record.document(run.records)}),
        **({"artifact": run.artifact} if run.artifact else {}),
        "undone": list(run.undone),
        "restored": run.restored,
        "measured": measurements.documents(run.measured, run.plan.comparison.pending),
        "source": facts.source.name if facts.source else None,
        "task": facts.task,
        "previous": facts.previous.release if facts.previous else None,
        "url": run.environment.url,
        **_rollback_detail(run),
        "steps": run.ended_steps,
        "migrations": [migration.file for migration in run.plan.comparison.pending],
        **detail,
    }
    return new_event(
        desk,
        run.environment.name,
        facts.kind,
        ending,
        release="" if facts.kind == "drill" else release,
        commit=facts.wanted,
        run=run.id,
        detail=known,
    )
