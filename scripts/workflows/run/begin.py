"""How a run begins: the lock and the candidate in one push, and the plan still true after it."""

from __future__ import annotations

from contextlib import suppress

from scripts.adapters.git import StaleError
from scripts.adapters.journal import Journal
from scripts.domain.release import ledger as ledgers
from scripts.domain.release.ladder import accepted
from scripts.domain.release.lock import Lock, lock_ref
from scripts.domain.release.plan import Plan
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.workflows.release.observe import read_ledger, read_lock
from scripts.workflows.run.holding import Holding
from scripts.workflows.run.run import Run
from scripts.workflows.toolbox import Toolbox

JOURNALS = 200  # runs whose journals are kept on this machine


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
    journal.prune(tools.state_folder / "runs", JOURNALS)
    facts = plan.facts
    journal.write(at=tools.now(), lock=holding.lock.document(), plan=plan.document())
    return Run(
        tools=tools, holding=holding, journal=journal, plan=plan, schema=facts.standing, live=facts.live
    )


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
        accepts=accepted(facts),
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
