"""`resume`: a run died somewhere, on any machine; find out what is true, then finish it or undo it.

It needs nothing but the remote, the public URL and the database: every step of a release can be
done again, so finishing is to go on with the same commit under the dead run's lock.
"""

from __future__ import annotations

from dataclasses import replace

from scripts.branches import move
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.postgres.client import postgres_of, required_database
from scripts.database.refresh import command as refresh_command
from scripts.database.restore import command, in_place
from scripts.database.restore.plan import TASK
from scripts.errors import Locked, Refused, TakenBack
from scripts.git.client import StaleError
from scripts.release import hotfix
from scripts.release.execute import locked_run, report, run_steps
from scripts.release.observe import observe
from scripts.release.plan import Plan, decide
from scripts.release.request import ResumeRequest, StealRequest, resumed
from scripts.release.run import ReleaseRun, begin, lock_for
from scripts.state.held_lock import HeldLock
from scripts.state.lock import Lock, candidate_ref, lock_ref
from scripts.state.operation import operation_under
from scripts.state.remote import locked, observe_remote, read_lock

TRIES = 5
LONGEST_TTL = 600.0  # seconds; a lock that says more was not written by a desk
LOOKS = 10  # how often the silence of an owner is checked within his time to live


def resume(desk: Desk, request: ResumeRequest) -> Outcome:
    """Wait until the owner is seen to be silent, take over, and finish or undo."""
    environment = desk.settings.environment(request.env)
    found = look(desk, environment)
    if found is None:
        return Outcome.nothing(f"nothing to resume: {environment.name} is not locked")
    confirm(desk, environment, yes=request.yes)
    held_by, dead = found
    desk.progress.note(f"found: {dead}")
    wait_for_silence(desk, environment, held_by, dead)
    return recover(desk, environment, held_by, dead, undo=request.undo)


def look(desk: Desk, environment: Environment) -> tuple[str, Lock] | None:
    """The lock as it is now, None if nobody holds the environment."""
    refs = desk.git.fetch([lock_ref(environment.name)])
    lock = read_lock(desk, refs, environment)
    return (refs[lock_ref(environment.name)], lock) if lock else None


def confirm(desk: Desk, environment: Environment, *, yes: bool) -> None:
    """A guarded environment asks here as well."""
    if environment.guarded:
        unchanged = f"{environment.name} is guarded, and nothing was changed"
        require_consent(desk.progress, environment.name, yes=yes, unchanged=unchanged)


def wait_for_silence(desk: Desk, environment: Environment, held_by: str, lock: Lock) -> None:
    """By our own clock alone: no sign of life for his whole time to live.

    Raises:
        Locked: the owner lives.
    """
    ttl = lock.ttl if 1 <= lock.ttl <= LONGEST_TTL else desk.settings.lock.ttl
    desk.progress.note(f"waiting {ttl:g} s for a sign of life of run {lock.run}")
    until = desk.clock() + ttl
    while desk.clock() < until:
        desk.sleep(ttl / LOOKS)
        now = desk.git.ls_remote().get(lock_ref(environment.name))
        if now is None:
            raise Locked(f"run {lock.run} has just ended by itself", "`invoke status`")
        if now != held_by:
            raise Locked(
                f"{environment.name} is locked, and its owner is alive: {lock}",
                f"wait for that run; to end it all the same: `invoke lock.steal --env"
                f" {environment.name} --reason ...`",
            )


def recover(desk: Desk, environment: Environment, held_by: str, dead: Lock, *, undo: bool) -> Outcome:
    """Take over the lock, see what the dead run left, and finish it; or undo it if it was undoing."""
    if dead.task == move.TASK:
        return move.give_back(desk, dead)
    if dead.task in TASKS:
        return recover_restore(desk, environment, held_by, dead)
    plan = plan_again(desk, environment, dead)
    taken = begin(desk, plan, HeldLock(desk, lock_for(desk, plan, dead.reason)))
    take_over(desk, environment, taken, held_by, dead)
    if plan.nothing and not undo:
        taken.lock.release()
        return Outcome.done(f"run {dead.run} had left nothing but its lock: {plan.nothing}")
    try:
        with locked_run(taken):
            end_its_sessions(desk, environment)
            _refuse_to_finish(plan, dead, undo=undo)
            run_steps(taken)
    except TakenBack as undone:
        message = f"run {dead.run} was undone: {undone.message}"
        return Outcome.done(message, **undone.data)
    outcome = report(taken)
    return hotfix.brought_back(desk, outcome) if dead.task == hotfix.TASK else outcome


def take_over(desk: Desk, environment: Environment, taken: ReleaseRun, held_by: str, dead: Lock) -> None:
    """Take the lock by compare-and-swap.

    A thief may lose to a sign of life of the very run that he robs, and then tries again; never
    against somebody else, and `resume` sees beforehand that there are no signs of life.
    """
    for _ in range(TRIES):
        try:
            taken.lock.acquire(held_by, dead)
        except StaleError:
            now = look(desk, environment)
            if now is None or now[1].run != dead.run:
                break
            held_by = now[0]
        else:
            return
    raise locked(desk, environment)


def plan_again(desk: Desk, environment: Environment, dead: Lock) -> Plan:
    """The plan of the dead run, made anew from what is true now."""
    desk.git.fetch([candidate_ref(environment.name, dead.run)])  # a drill's commit is on no branch
    request = resumed(dead.task, dead.request, sha=dead.commit, resumes=dead.run, **_names(dead))
    if request.restores_data and in_place.settled(desk, required_database(desk, environment), dead.run):
        request = replace(request, with_data=False, backup="", scope="")  # they went back already
    return decide(observe(desk, request))


def _names(dead: Lock) -> dict[str, str]:
    """The environment and the release, as the lock names them."""
    if dead.task == "promote":
        return {"to": dead.environment}
    return {"env": dead.environment} | ({"to": dead.release} if dead.task == "rollback" else {})


def end_its_sessions(desk: Desk, environment: Environment) -> None:
    """What the dead run still has open in the database would commit behind our back."""
    postgres = postgres_of(desk, environment)
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


# `lock.steal`: end somebody else's run, alive or not; the thief recovers before anything else.


def steal_lock(desk: Desk, request: StealRequest) -> Outcome:
    """Take the lock by compare-and-swap without waiting, then finish or undo what was begun."""
    environment = desk.settings.environment(request.env)
    if not request.reason.strip():
        raise Refused("say why: the owner will ask", f"invoke lock.steal --env {request.env} --reason ...")
    found = look(desk, environment)
    if found is None:
        return Outcome.nothing(f"nothing to steal: {environment.name} is not locked")
    confirm(desk, environment, yes=request.yes)
    held_by, owner = found
    desk.progress.note(f"stealing from {owner}: {request.reason}")
    return recover(desk, environment, held_by, owner, undo=request.undo)


# A dead restore: its one transaction arrived or it did not, and the server says which.


TASKS = (TASK, command.TASK, refresh_command.TASK)


def recover_restore(desk: Desk, environment: Environment, held_by: str, dead: Lock) -> Outcome:
    """Take its lock, end its sessions, and write down what is true."""
    fresh = replace(
        dead,
        run=desk.new_id(),
        nonce=desk.new_id(),
        actor=desk.actor,
        host=desk.host,
        acquired_at=desk.now(),
        step="lock",
        beat=0,
    )
    work = operation_under(desk, environment, fresh, observe_remote(desk).ledger.tip)
    try:
        work.lock.acquire(held_by, dead)
    except StaleError:
        raise locked(desk, environment) from None
    name, backup = environment.name, dead.release
    postgres = postgres_of(desk, environment)
    if postgres:
        postgres.end_desks()
    database = required_database(desk, environment)
    if dead.task == refresh_command.TASK and in_place.settled(desk, database, dead.run):
        work.finish("refresh", "done", backup=backup, of_run=dead.run, reason=dead.reason)
        refresh_command.tidy(desk, environment)
        return Outcome.done(f"run {dead.run} had refreshed {name}, whole and masked; the ledger has it")
    if dead.task == TASK and in_place.settled(desk, database, dead.run):
        work.finish("restore", "done", backup=backup, of_run=dead.run, reason=dead.reason)
        return Outcome.done(
            f"run {dead.run} had restored {name} from `{backup}`, whole and compared; the ledger has it",
            f"what was before stands aside: `invoke db.drop-aside --env {name}`",
            backup=backup,
        )
    work.finish(work.kind, "error", backup=backup or None, of_run=dead.run, reason="it died before its end")
    return Outcome.done(
        f"run {dead.run} (`{dead.task}`) died before its end: {name} is as it was; its lock is free",
        f"again: `{_again(dead.task, name, backup)}`" if dead.task != command.TASK else None,
        backup=backup or None,
    )


def _again(task: str, name: str, backup: str) -> str:
    return (
        f"invoke db.refresh --to {name}"
        if task == refresh_command.TASK
        else f"invoke db.restore {backup} --env {name}"
    )
