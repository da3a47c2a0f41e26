"""`resume` and `lock.steal`: take over the lock of a run that died, then finish or undo what it began.

Any machine can do it: the remote, the public URL and the database say what is true. Every step of a release
may be repeated, so to finish a run is to execute its plan again under its lock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from scripts.branches import move
from scripts.config.access import how_to_enter
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.adopt import record as adoptions
from scripts.database.postgres.client import (
    configured_database,
    postgres_of,
    required_database,
    required_postgres,
)
from scripts.database.refresh import command as refresh_command
from scripts.database.restore import command as restore_command
from scripts.database.restore import in_place
from scripts.database.restore.kept import Kept
from scripts.database.restore.plan import TASK as RESTORE_TASK
from scripts.errors import LiveUnknown, Locked, Refused, ReleaseFailed, TakenBack
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.release import bring_back, free_lock, switch_data
from scripts.release.observe import observe
from scripts.release.plan import Plan, decide
from scripts.release.request import REQUESTS, HotfixRequest, ResumeRequest, StealRequest, resumed
from scripts.release.run import ReleaseRun, begin, lock_for
from scripts.release.steps import locked_run, report, run_steps
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import Lock, blockers, candidate_ref, lock_ref, time_to_live
from scripts.state.operation import operation_under
from scripts.state.remote import locked, observe_remote, read_lock

TAKEOVER_TRIES = 5
LOOKS = 10  # how often the lock is looked at within its time to live
OF_RUN = "of_run"  # in the request of a lock: the run that is settled
# what a dead run on a database may be
OPERATIONS = (RESTORE_TASK, restore_command.TASK, refresh_command.TASK, adoptions.TASK)


class Holder(NamedTuple):
    """A lock as it was seen on the remote.

    Args:
        id: the commit that the lock ref pointed at.
        lock: its content.
    """

    environment: Environment
    id: str
    lock: Lock


def resume(desk: Desk, request: ResumeRequest) -> Outcome:
    """Wait until the lock holder is seen to be dead, take over, and finish or undo its run."""
    environment = desk.settings.environment(request.env)
    holder = find_holder(desk, environment)
    if holder is None:
        return Outcome.nothing(f"nothing to resume: {environment.name} is not locked")
    _confirm(desk, environment, yes=request.yes)
    desk.progress.note(f"found: {holder.lock}")
    _wait_for_silence(desk, holder)
    return _take_over(desk, holder, undo=request.undo)


def steal_lock(desk: Desk, request: StealRequest) -> Outcome:
    """Take over at once, whether the lock holder is alive or not, and finish or undo its run."""
    environment = desk.settings.environment(request.env)
    if not request.reason.strip():
        again = f"invoke lock.steal --env {request.env} --reason ..."
        raise Refused("`--reason` is required: the lock holder will want to know", again)
    holder = find_holder(desk, environment)
    in_the_way = blockers(desk.git.ls_remote(), environment.name)
    if holder is None and not in_the_way:
        return Outcome.nothing(f"nothing to steal: {environment.name} is not locked")
    _confirm(desk, environment, yes=request.yes)
    if in_the_way:
        desk.git.push([Update(ref, target, None) for ref, target in in_the_way.items()])
    if holder is None:
        removed = ", ".join(f"`{ref}` (was `{target}`)" for ref, target in in_the_way.items())
        return Outcome.done(f"removed {removed}: {environment.name} can be locked again")
    desk.progress.note(f"stealing from {holder.lock}: {request.reason}")
    return _take_over(desk, holder, undo=request.undo)


def find_holder(desk: Desk, environment: Environment) -> Holder | None:
    """The lock as it is now; None if the environment is not locked."""
    refs = desk.git.fetch([lock_ref(environment.name)])
    lock = read_lock(desk, refs, environment)
    return Holder(environment, refs[lock_ref(environment.name)], lock) if lock else None


def _confirm(desk: Desk, environment: Environment, *, yes: bool) -> None:
    if environment.guarded:
        unchanged = f"{environment.name} is guarded, and nothing was changed"
        require_consent(desk.progress, environment, yes=yes, unchanged=unchanged)


def _wait_for_silence(desk: Desk, holder: Holder) -> None:
    """Watch the lock for its whole time to live, by this machine's clock alone.

    Raises:
        Locked: a heartbeat came, or the run ended.
    """
    lock, name = holder.lock, holder.environment.name
    ttl = time_to_live(lock, desk.settings.lock.ttl)
    desk.progress.note(f"waiting {ttl:g} s for a heartbeat")
    until = desk.clock() + ttl
    while desk.clock() < until:
        desk.sleep(ttl / LOOKS)
        current = desk.git.ls_remote().get(lock_ref(name))
        if current is None:
            raise Locked(f"run {lock.run} has just ended by itself", "`invoke status`")
        if current != holder.id:
            raise Locked(
                f"{name} is locked, and the lock holder is alive: {lock}",
                f"wait for that run; to end it all the same: `invoke lock.steal --env {name} --reason ...`",
            )


def settle(desk: Desk, environment: Environment, silent: str, yes: bool) -> None:
    """Finish or undo the run of an owner that was seen to be dead, for a run that waits for its lock.

    Whatever comes of it is said. Returns also if its release was bad and is taken back: the lock is free.

    Args:
        silent: where the ref of its lock stood all the time; if it moved since, nothing is done.

    Raises:
        DeskError: the lock is not free, or a person has to look.
    """
    holder = find_holder(desk, environment)
    if holder is None or holder.id != silent:
        return
    _confirm(desk, environment, yes=yes)
    try:
        desk.progress.note(_take_over(desk, holder, undo=False).message)
    except (Locked, ReleaseFailed) as fault:  # somebody was quicker; or it is free now
        desk.progress.note(fault.message)


def _take_over(desk: Desk, holder: Holder, *, undo: bool) -> Outcome:
    if not holder.lock.readable or holder.lock.task not in (*REQUESTS, *OPERATIONS, move.TASK):
        held = free_lock.take(desk, holder.environment, holder.id)
        _end_sessions(desk, holder.environment)
        return free_lock.free(desk, held, holder.environment, holder.lock)
    if holder.lock.task == move.TASK:
        return move.give_back(desk, holder.lock)
    if holder.lock.task in OPERATIONS:
        return _settle_operation(desk, holder)
    return _finish_or_undo(desk, holder, undo=undo)


def _finish_or_undo(desk: Desk, holder: Holder, *, undo: bool) -> Outcome:
    """Execute the plan of the dead run again under its lock; or undo it if it was undoing."""
    dead = holder.lock
    plan = _plan_again(desk, holder)
    run = begin(desk, plan, HeldLock(desk, lock_for(desk, plan, dead.reason, dead)))
    _acquire_from(desk, holder, run.lock)
    try:
        with locked_run(run):
            _end_sessions(desk, holder.environment)
            _look_again(run, holder)
            if run.plan.nothing and not undo:
                run.lock.release()
                return Outcome.done(f"run {dead.run} had left nothing but its lock: {run.plan.nothing}")
            _require_access(run)
            _require_finishable(run.plan, dead, undo=undo)
            run_steps(run)
    except TakenBack as undone:
        return Outcome.done(f"run {dead.run} was undone: {undone.message}", **undone.data)
    outcome = report(run)
    return bring_back.brought_back(desk, outcome) if dead.task == HotfixRequest.task else outcome


def _acquire_from(desk: Desk, holder: Holder, lock: HeldLock) -> None:
    """Take the lock by compare-and-swap.

    Retry if a heartbeat of the same run moved the ref first. Give up if another run holds it.

    Raises:
        Locked: another run was quicker.
    """
    seen: Holder | None = holder
    for _ in range(TAKEOVER_TRIES):
        if seen is None or seen.lock.run != holder.lock.run:
            break
        try:
            lock.acquire(seen.id, holder.lock)
        except StaleError:
            seen = find_holder(desk, holder.environment)
        else:
            return
    raise locked(desk, holder.environment)


def _plan_again(desk: Desk, holder: Holder, *, resumes: str = "") -> Plan:
    """The plan of the dead run, from its request and from what is true now.

    `resumes`: the run whose lock does not count, if it is not the dead run's any more.
    """
    dead, environment = holder.lock, holder.environment
    desk.git.fetch([candidate_ref(environment.name, dead.run)])  # a drill's commit is on no branch
    names = {"to": environment.name} if dead.task == "promote" else {"env": environment.name}
    if dead.task == "rollback":
        names["to"] = dead.release
    request = resumed(dead.task, dead.request, sha=dead.commit, resumes=resumes or dead.run, **names)
    if dead.task == "rollback" and _switched(desk, environment):
        request = replace(request, with_data=False, backup="", scope="")  # the data are restored already
    return decide(observe(desk, request))


def _switched(desk: Desk, environment: Environment) -> Kept | None:
    """What the dead run keeps, if it has restored the data, or the run that it resumed had."""
    if configured_database(desk, environment) is None:
        return None
    return switch_data.unrecorded(desk, environment, observe_remote(desk).ledger)


def _look_again(run: ReleaseRun, holder: Holder) -> None:
    """Nobody else can change anything now: plan by what is true since the dead run lost its lock.

    A plan that restores data takes long; it stands unless the dead run has restored them by now.
    """
    rolls_back = holder.lock.task == "rollback"
    kept = _switched(run.desk, holder.environment) if rolls_back else None
    if kept or not run.plan.facts.request.with_data:
        run.plan = _plan_again(run.desk, holder, resumes=run.id)
        run.schema, run.live = run.plan.facts.standing, run.plan.facts.live
    if rolls_back:
        switch_data.found(run, kept)
        run.sent = kept is not None  # the dead run may have asked for a Publish, which may still arrive
    asked, previous = run.driver.asked_for(), run.plan.facts.previous
    run.sent = run.sent or (asked is not None and (previous is None or asked != previous.commit))


def _end_sessions(desk: Desk, environment: Environment) -> None:
    """Terminate the dead run's open database sessions; they could still commit."""
    postgres = postgres_of(desk, environment)
    if postgres:
        postgres.end_desks()


def _require_access(run: ReleaseRun) -> None:
    """A log-in stands before the app: another Publish would only end the next token as well.

    Raises:
        LiveUnknown: the lock stays, for a `resume` with a token that is valid.
    """
    facts = run.plan.facts
    if facts.live.login:
        raise LiveUnknown(
            f"{facts.environment.url} does not let the desk in: {facts.live.error}",
            f"{how_to_enter(facts.environment)}; then `invoke resume --env {facts.environment.name}`",
            resumable=True,
        )


def _require_finishable(plan: Plan, dead: Lock, *, undo: bool) -> None:
    """A run that was undoing its work, or that a rule refuses by now, is undone instead.

    Raises:
        TakenBack: with the reason.
    """
    if dead.task == "drill":
        raise TakenBack("a drill was interrupted", bad=False)
    if dead.back:
        raise TakenBack(dead.back, bad=True)
    if undo:
        raise TakenBack("undone on request", bad=False)
    if plan.refused:
        raise TakenBack(plan.refused.why, bad=False)


def _settle_operation(desk: Desk, holder: Holder) -> Outcome:
    """Record how a dead restore, refresh or adoption ended: what it wrote was committed, or it was not."""
    dead, environment = holder.lock, holder.environment
    name, backup = environment.name, dead.release
    run = str(dead.request.get(OF_RUN) or dead.run)  # a run that settled it may have died as well
    request = {**dead.request, OF_RUN: run}
    lock = new_lock(desk, name, dead.task, dead.commit, release=backup, reason=dead.reason, request=request)
    work = operation_under(desk, environment, lock)
    try:
        work.lock.acquire(holder.id, dead)
    except StaleError:
        raise locked(desk, environment) from None
    _end_sessions(desk, environment)
    if dead.task == adoptions.TASK:
        return adoptions.settle(work, required_postgres(desk, environment), request, run)
    committed = in_place.has_committed(desk, required_database(desk, environment), run)
    if dead.task == refresh_command.TASK and committed:
        work.finish("refresh", "done", backup=backup, of_run=run, reason=dead.reason)
        refresh_command.drop_old_schemas_of_refreshes(desk, environment)
        return Outcome.done(f"run {run} had refreshed {name}, whole and masked; the ledger has it")
    if dead.task == RESTORE_TASK and committed:
        work.finish("restore", "done", backup=backup, of_run=run, reason=dead.reason)
        return Outcome.done(
            f"run {run} had restored {name} from `{backup}`, whole and compared; the ledger has it",
            f"the old schemas are kept until `invoke db.drop-aside --env {name}`",
            backup=backup,
        )
    work.finish(work.kind, "error", backup=backup or None, of_run=run, reason="it died before its end")
    again = {
        RESTORE_TASK: f"again: `invoke db.restore {backup} --env {name}`",
        refresh_command.TASK: f"again: `invoke db.refresh --to {name}`",
    }
    return Outcome.done(
        f"run {run} (`{dead.task}`) died before its end: {name} is as it was; its lock is free",
        again.get(dead.task),
        backup=backup or None,
    )
