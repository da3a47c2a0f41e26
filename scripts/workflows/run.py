"""One execution of a mutating task: the lock round it, its steps, and how it is written down."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.adapters.git import StaleError, Update
from scripts.domain import ledger as ledgers
from scripts.domain.ledger import Event
from scripts.domain.live import Answer
from scripts.domain.lock import FILE as LOCK_FILE
from scripts.domain.lock import Lock, candidate_ref, lock_ref
from scripts.domain.plan import Plan
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, Locked
from scripts.workflows.observe import read_ledger, read_lock
from scripts.workflows.toolbox import Toolbox

APPENDS = 12  # tries to append to the ledger while other environments append as well


@dataclass
class Run:
    """What a run knows about itself while it goes on.

    Args:
        lock_id: the commit that the lock ref points at while this run owns it.
        schema: the newest version in the database, as read last; None without a database.
        live: the last answer of the public URL.
    """

    tools: Toolbox
    plan: Plan
    id: str
    lock_id: str
    schema: str | None = None
    live: Answer | None = None
    release: str | None = None
    migrated: tuple[str, ...] = ()  # files that this run has applied
    steps: list[dict[str, Any]] = field(default_factory=list)

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
        """Time a step, say that it goes on, and note how it ended."""
        record: dict[str, Any] = {"name": name, "seconds": 0.0, "ending": "running"}
        self.steps.append(record)
        self.tools.progress.begin(name, detail)
        started = self.tools.clock()
        try:
            yield
            record["ending"] = "done"
        except BaseException:
            record["ending"] = "failed"
            raise
        finally:
            record["seconds"] = round(self.tools.clock() - started, 2)
            self.tools.progress.end(name, record["ending"], record["seconds"])

    def document(self) -> dict[str, Any]:
        """What the JSON document says of this run."""
        return {
            "environment": self.environment.name,
            "release": self.release,
            "commit": self.plan.facts.wanted,
            "live": self.live.commit if self.live else None,
            "schema": self.schema,
            "run": self.id,
            "steps": self.steps,
        }

    def candidate(self) -> str:
        """The ref under which the workspace fetches the commit."""
        return candidate_ref(self.environment.name, self.id)


def acquire(tools: Toolbox, plan: Plan) -> Run:
    """Take the lock and show the candidate, in one push; then make sure that the plan still holds.

    Raises:
        Locked: somebody else has it, or released here while this run was planning.
    """
    facts, environment = plan.facts, plan.facts.environment
    run_id = tools.new_id()
    lock = Lock(
        run=run_id,
        nonce=tools.new_id(),
        actor=tools.actor,
        host=tools.host,
        task=facts.task,
        environment=environment.name,
        commit=facts.wanted,
        acquired_at=tools.now(),
    )
    subject = f"lock of {environment.name}: {facts.task} by {tools.actor}"
    lock_id = tools.git.write(LOCK_FILE, lock.document(), subject, None)
    run = Run(tools, plan, run_id, lock_id, schema=facts.standing, live=facts.live)
    with run.step("lock", environment.name):
        wanted = [
            Update(lock_ref(environment.name), None, lock_id),
            Update(run.candidate(), None, facts.wanted),
        ]
        try:
            tools.git.push(wanted)
        except StaleError:
            raise _locked(tools, environment) from None
        _still_planned(tools, run)
    return run


def _still_planned(tools: Toolbox, run: Run) -> None:
    """Between the plan and the lock somebody else may have had the lock, and released it again."""
    facts = run.plan.facts
    refs = tools.git.observe([ledgers.REF])
    ledger = read_ledger(tools, refs.get(ledgers.REF))
    before, now = facts.ledger.last(facts.environment.name), ledger.last(facts.environment.name)
    if before == now and refs.get(facts.environment.branch_ref) == facts.head:
        return
    free(run)
    if now and now != before:
        raise Locked(
            f"{now.actor} released `{now.commit[:12]}` on {now.environment} as {now.release}"
            f" (run {now.run}) while this run was planning",
            f"look at `invoke status`, then try again: `invoke {facts.task}`",
        )
    raise Locked(f"`{facts.environment.branch}` moved while this run was planning", "try again")


def _locked(tools: Toolbox, environment: Environment) -> Locked:
    refs = tools.git.observe([lock_ref(environment.name), ledgers.REF])
    lock = read_lock(tools, refs, environment)
    if lock:
        return Locked(f"{environment.name} is locked by {lock}", "wait for that run, then try again")
    last = read_ledger(tools, refs.get(ledgers.REF)).last(environment.name)
    who = f" by {last.actor} (run {last.run}, {last.release})" if last else ""
    return Locked(f"{environment.name} was locked{who} until a moment ago", "try again")


def free(run: Run) -> None:
    """Give the lock back without a word in the ledger; only ever our own."""
    run.tools.git.push(_leftovers(run))


def write_down(run: Run, ending: str, *, moves_branch: bool, **detail: Any) -> Event:
    """The one atomic push that ends a run: ledger, branch, candidate and lock move together or not at all.

    Raises:
        Locked: the lock is no longer ours, or the branch moved: nothing was written.
        CommandFailed: the remote refused, or can't be reached.
    """
    tools, facts = run.tools, run.plan.facts
    tip = facts.ledger.tip
    for attempt in range(APPENDS):
        ledger = read_ledger(tools, tip)
        event = _event(run, ledger.next_release(run.environment.name), ending, detail)
        written = tools.git.write(ledgers.FILE, event.document(), event.subject, tip)
        updates = [Update(ledgers.REF, tip, written), *_leftovers(run)]
        if moves_branch and facts.head != facts.wanted:
            updates.append(Update(run.environment.branch_ref, facts.head, facts.wanted))
        try:
            tools.git.push(updates)
        except StaleError as stale:
            _still_ours(run, stale, moves_branch=moves_branch)
            tools.sleep(random.uniform(0.05, 0.2) * (attempt + 1))  # noqa: S311 - jitter
            tip = tools.git.observe([ledgers.REF]).get(ledgers.REF)
            continue
        run.release = event.release
        return event
    raise CommandFailed("the ledger moves faster than this run can append to it")


def _still_ours(run: Run, stale: StaleError, *, moves_branch: bool) -> None:
    """Only the ledger may have moved; anything else means that the environment is not ours."""
    environment, facts = run.environment, run.plan.facts
    if stale.refs.get(lock_ref(environment.name)) != run.lock_id:
        raise Locked(
            f"the lock of {environment.name} is no longer held by this run: nothing was written",
            "`invoke status` says who holds it and what is live",
        )
    if moves_branch and stale.refs.get(environment.branch_ref) != facts.head:
        raise Locked(
            f"`{environment.branch}` was moved by somebody else during this run",
            "`invoke status` says what is live",
        )


def _event(run: Run, release: str, ending: str, detail: dict[str, Any]) -> Event:
    tools, facts = run.tools, run.plan.facts
    source = facts.source.name if facts.source else None
    previous = facts.previous.release if facts.previous else None
    known = {
        "schema": run.schema,
        "source": source,
        "previous": previous,
        "url": run.environment.url,
        "steps": [step for step in run.steps if step["ending"] != "running"],
        "migrations": [each.file for each in run.plan.comparison.pending],
        **detail,
    }
    return Event(
        environment=run.environment.name,
        kind="release",
        ending=ending,
        release=release,
        commit=facts.wanted,
        actor=tools.actor,
        at=tools.now(),
        run=run.id,
        detail=known,
    )


def _leftovers(run: Run) -> list[Update]:
    """What no run leaves behind."""
    return [
        Update(lock_ref(run.environment.name), run.lock_id, None),
        Update(run.candidate(), run.plan.facts.wanted, None),
    ]
