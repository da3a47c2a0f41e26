"""`resume`: a run died somewhere, on any machine; find out what is true, then finish it or undo it.

It needs nothing but the remote, the public URL and the database: every step of a release can be
done again, so finishing is to go on with the same commit under the dead run's lock.
"""

from __future__ import annotations

from typing import Any

from scripts.adapters.git import StaleError
from scripts.domain.outcome import Outcome
from scripts.domain.release import ladder
from scripts.domain.release.lock import Lock, candidate_ref, lock_ref
from scripts.domain.release.plan import Plan, decide
from scripts.domain.settings import Environment
from scripts.errors import Declined, Locked, TakenBack
from scripts.workflows.database import replacing, restore_resumed
from scripts.workflows.database.client import database_of
from scripts.workflows.line import moving
from scripts.workflows.release import hotfix
from scripts.workflows.release.carry_out import held, proceed, released
from scripts.workflows.release.observe import observe, read_lock
from scripts.workflows.release.wish import Wish
from scripts.workflows.run.begin import begin, lock_for, locked
from scripts.workflows.run.holding import Holding
from scripts.workflows.run.run import Run
from scripts.workflows.toolbox import Toolbox

TRIES = 5
LONGEST_TTL = 600.0  # seconds; a lock that says more was not written by a desk
LOOKS = 10  # how often the silence of an owner is checked within his time to live


def run(tools: Toolbox, *, env: str, undo: bool, yes: bool) -> Outcome:
    """Wait until the owner is seen to be silent, take over, and finish or undo."""
    environment = tools.settings.environment(env)
    found = look(tools, environment)
    if found is None:
        return Outcome.nothing(f"nothing to resume: {environment.name} is not locked")
    confirm(tools, environment, yes=yes)
    held_by, dead = found
    tools.progress.note(f"found: {dead}")
    wait_for_silence(tools, environment, held_by, dead)
    return recover(tools, environment, held_by, dead, undo=undo)


def look(tools: Toolbox, environment: Environment) -> tuple[str, Lock] | None:
    """The lock as it is now, None if nobody holds the environment."""
    refs = tools.git.observe([lock_ref(environment.name)])
    lock = read_lock(tools, refs, environment)
    return (refs[lock_ref(environment.name)], lock) if lock else None


def confirm(tools: Toolbox, environment: Environment, *, yes: bool) -> None:
    """A guarded environment asks here as well."""
    if environment.guarded and not yes and not tools.progress.confirm(environment.name):
        raise Declined(
            f"{environment.name} is guarded and nobody confirmed: nothing was changed",
            "type the environment's name when asked, or say `--yes`",
        )


def wait_for_silence(tools: Toolbox, environment: Environment, held_by: str, lock: Lock) -> None:
    """By our own clock alone: no sign of life for his whole time to live.

    Raises:
        Locked: the owner lives.
    """
    ttl = lock.ttl if 1 <= lock.ttl <= LONGEST_TTL else tools.settings.lock.ttl
    tools.progress.note(f"waiting {ttl:g} s for a sign of life of run {lock.run}")
    until = tools.clock() + ttl
    while tools.clock() < until:
        tools.sleep(ttl / LOOKS)
        now = tools.git.refs().get(lock_ref(environment.name))
        if now is None:
            raise Locked(f"run {lock.run} has just ended by itself", "`invoke status`")
        if now != held_by:
            raise Locked(
                f"{environment.name} is locked, and its owner is alive: {lock}",
                f"wait for that run; to end it all the same: `invoke lock.steal --env"
                f" {environment.name} --reason ...`",
            )


def recover(tools: Toolbox, environment: Environment, held_by: str, dead: Lock, *, undo: bool) -> Outcome:
    """Take over the lock, see what the dead run left, and finish it; or undo it if it was undoing."""
    if dead.task == moving.TASK:
        return moving.give_back(tools, dead)
    if dead.task in restore_resumed.TASKS:
        return restore_resumed.recover(tools, environment, held_by, dead)
    plan = plan_again(tools, environment, dead)
    taken = begin(tools, plan, Holding(tools, lock_for(tools, plan, dead.reason)))
    take_over(tools, environment, taken, held_by, dead)
    if plan.nothing and not undo:
        taken.holding.free()
        return Outcome.done(f"run {dead.run} had left nothing but its lock: {plan.nothing}")
    try:
        with held(taken):
            end_its_sessions(tools, environment)
            _refuse_to_finish(plan, dead, undo=undo)
            proceed(taken)
    except TakenBack as undone:
        message = f"run {dead.run} was undone: {undone.message}"
        return Outcome.done(message, **undone.data)
    outcome = released(taken)
    return hotfix.brought_back(tools, outcome) if dead.task == hotfix.TASK else outcome


def take_over(tools: Toolbox, environment: Environment, taken: Run, held_by: str, dead: Lock) -> None:
    """Take the lock by compare-and-swap.

    A thief may lose to a sign of life of the very run that he robs, and then tries again; never
    against somebody else, and `resume` sees beforehand that there are no signs of life.
    """
    for _ in range(TRIES):
        try:
            taken.holding.take(held_by, dead)
        except StaleError:
            now = look(tools, environment)
            if now is None or now[1].run != dead.run:
                break
            held_by = now[0]
        else:
            return
    raise locked(tools, environment)


def plan_again(tools: Toolbox, environment: Environment, dead: Lock) -> Plan:
    """The plan of the dead run, made anew from what is true now."""
    tools.git.observe([candidate_ref(environment.name, dead.run)])  # a drill's commit is on no branch
    source = tools.settings.environments.get(dead.source)
    wish = Wish(
        dead.task,
        environment,
        source,
        revision=dead.commit,
        retry=True,
        release=dead.release or None,
        allow_bad=dead.reason,  # what the dead run was allowed, it was allowed
        resumes=dead.run,
        **_agreed(tools, environment, dead),
    )
    return decide(observe(tools, wish))


def _agreed(tools: Toolbox, environment: Environment, dead: Lock) -> dict[str, Any]:
    """What was said yes to; data that went back already do not go back twice."""
    agreed = ladder.agreed(dead.accepts)
    if "with_data" in agreed and replacing.settled(tools, database_of(tools, environment), dead.run):
        return {"accepts": agreed["accepts"]}
    return agreed


def end_its_sessions(tools: Toolbox, environment: Environment) -> None:
    """What the dead run still has open in the database would commit behind our back."""
    postgres = tools.postgres(environment)
    if postgres:
        postgres.end_desks()


def _refuse_to_finish(plan: Plan, dead: Lock, *, undo: bool) -> None:
    """A run that was undoing its work, or may not go on by now, is taken back instead."""
    if dead.task == "drill":
        raise TakenBack("a drill was broken off", bad=False)
    if dead.back:
        raise TakenBack(dead.back, bad=True)
    if undo:
        raise TakenBack("undone on request", bad=False)
    if plan.refused:
        raise TakenBack(plan.refused.why, bad=False)
