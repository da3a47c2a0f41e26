"""One execution of a mutating task: its lock, its steps, its journal, and how it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from scripts.adapters.git import StaleError, Update
from scripts.adapters.journal import Journal
from scripts.domain import ledger as ledgers
from scripts.domain.ledger import Event, Ledger
from scripts.domain.live import Answer
from scripts.domain.lock import Lock, lock_ref
from scripts.domain.plan import Plan
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.workflows.holding import Holding
from scripts.workflows.observe import read_ledger, read_lock
from scripts.workflows.record import append
from scripts.workflows.toolbox import Toolbox

ONCE = ("migrate", "publish", "undo")  # steps before which the remote is asked whose lock it is


@dataclass
class Run:
    """What a run knows about itself while it goes on.

    Args:
        schema: the newest version in the database, as read last; None without a database.
        live: the last answer of the public URL.
        migrated: the files that this run has applied, and that stand.
        undone: the files whose rollback scripts this run has run.
        sent: a Publish was asked for, so what is live may still change.
        doubt: why nobody knows whether that Publish was begun; None when it was.
    """

    tools: Toolbox
    plan: Plan
    holding: Holding
    journal: Journal
    schema: str | None = None
    live: Answer | None = None
    release: str | None = None
    migrated: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    sent: bool = False
    doubt: str | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.holding.lock.run

    @property
    def environment(self) -> Environment:
        """The environment that is held."""
        return self.plan.facts.environment

    @property
    def at(self) -> str:
        """The step that began last."""
        return str(self.steps[-1]["name"]) if self.steps else "lock"

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[None]:
        """One step: the lock is still ours, the intent is on disk, then it is done and written so."""
        record: dict[str, Any] = {"name": name, "seconds": 0.0, "ending": "running"}
        self.steps.append(record)
        self.tools.progress.begin(name, detail)
        started = self.tools.clock()
        try:
            self.holding.check(ask=name in ONCE)
            self.journal.write(step=name, at=self.tools.now(), state="intent", detail=detail)
            self.holding.note(name, self.journal.digest)
            yield
            record["ending"] = "done"
        except BaseException:
            record["ending"] = "failed"
            raise
        finally:
            record["seconds"] = round(self.tools.clock() - started, 2)
            self.journal.write(step=name, at=self.tools.now(), state=record["ending"])
            self.tools.progress.end(name, record["ending"], record["seconds"])

    def document(self) -> dict[str, Any]:
        """What the JSON document says of this run."""
        return {
            "environment": self.environment.name,
            "release": self.release,
            "commit": self.plan.facts.wanted,
            "live": self.live.commit if self.live else None,
            "schema": self.schema,
            "undone": list(self.undone),
            "run": self.id,
            "steps": self.steps,
        }


def acquire(tools: Toolbox, plan: Plan, reason: str = "") -> Run:
    """Take the lock and show the candidate, in one push; then make sure that the plan still holds.

    Raises:
        Locked: somebody else has it, or released here while this run was planning.
    """
    run = begin(tools, plan, Holding(tools, lock_for(tools, plan, reason)))
    with run.step("lock", run.environment.name):
        try:
            run.holding.take()
            _still_planned(run)
        except StaleError:
            raise locked(tools, run.environment) from None
        except BaseException:
            with suppress(DeskError, StaleError):  # it may have been taken, or given back already
                run.holding.free()
            raise
    return run


def begin(tools: Toolbox, plan: Plan, holding: Holding) -> Run:
    """A run that goes by this plan."""
    journal = Journal(tools.state_folder / "runs", holding.lock.run)
    facts = plan.facts
    journal.write(at=tools.now(), lock=holding.lock.document(), plan=plan.document())
    return Run(tools, plan, holding, journal, schema=facts.standing, live=facts.live)


def lock_for(tools: Toolbox, plan: Plan, reason: str = "") -> Lock:
    """The lock of a new run."""
    facts = plan.facts
    return Lock(
        run=tools.new_id(),
        nonce=tools.new_id(),
        actor=tools.actor,
        host=tools.host,
        task=facts.task,
        environment=facts.environment.name,
        commit=facts.wanted,
        acquired_at=tools.now(),
        source=facts.source.name if facts.source else "",
        release=facts.target.release if facts.target else "",
        reason=reason,
        accepts="irreversible" if facts.accept_irreversible else "",
        ttl=tools.settings.lock.ttl,
    )


def _still_planned(run: Run) -> None:
    """Between the plan and the lock somebody else may have had the lock, and released it again."""
    tools, facts = run.tools, run.plan.facts
    refs = tools.git.observe([ledgers.REF])
    ledger = read_ledger(tools, refs.get(ledgers.REF))
    before, now = facts.ledger.last(facts.environment.name), ledger.last(facts.environment.name)
    if refs.get(run.holding.ref) not in run.holding.tried:
        raise CommandFailed(
            f"`{tools.git.remote}` does not show the lock that was pushed to it",
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


def locked(tools: Toolbox, environment: Environment) -> Locked:
    """Who was quicker."""
    refs = tools.git.observe([lock_ref(environment.name), ledgers.REF])
    lock = read_lock(tools, refs, environment)
    hint = f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {environment.name}`"
    if lock:
        return Locked(f"{environment.name} is locked by {lock}", hint)
    last = read_ledger(tools, refs.get(ledgers.REF)).last(environment.name)
    who = f" by {last.actor} (run {last.run}, {last.release})" if last else ""
    return Locked(f"{environment.name} was locked{who} until a moment ago", "try again")


def write_down(run: Run, ending: str, *, moves_branch: bool, **detail: Any) -> Event:
    """The one atomic push that ends a run: ledger, branch, candidate and lock move together or not at all.

    Raises:
        Locked: the lock is no longer ours, or the branch moved: nothing was written.
        CommandFailed: the remote refused, or can't be reached.
    """
    facts = run.plan.facts
    run.holding.end()

    def make(ledger: Ledger) -> Event:
        return _event(run, ledger.next_release(run.environment.name), ending, detail)

    def updates() -> list[Update]:
        moves = moves_branch and facts.head != facts.wanted
        branch = Update(run.environment.branch_ref, facts.head, facts.wanted)
        return [*run.holding.leftovers(), *([branch] if moves else [])]

    def stale(fault: StaleError) -> None:
        _still_ours(run, fault, moves_branch=moves_branch)

    with run.holding.still():
        event = append(run.tools, facts.ledger.tip, make, updates, stale)
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


def _event(run: Run, release: str, ending: str, detail: dict[str, Any]) -> Event:
    tools, facts = run.tools, run.plan.facts
    known = {
        "schema": run.schema,
        "built_for": facts.schema,
        "undone": list(run.undone),
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
        kind="rollback" if facts.rolls_back else "release",
        ending=ending,
        release=release,
        commit=facts.wanted,
        actor=tools.actor,
        at=tools.now(),
        run=run.id,
        detail=known,
    )
