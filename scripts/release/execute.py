"""Execute a plan: every release, step by step. `deploy` and `promote` differ only in what they plan."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import DeskError, Locked, Refused
from scripts.git.client import StaleError
from scripts.notify import deliver
from scripts.release import functions, messages, pull_request
from scripts.release.plan import Plan
from scripts.release.plan_text import words
from scripts.release.run import ReleaseRun, acquire
from scripts.replit.drivers import driver_of
from scripts.replit.live import flapping
from scripts.state.held_lock import sweep
from scripts.state.ledger import REF
from scripts.state.lock import FREE, lock_ref
from scripts.state.mirrors import lagging
from scripts.state.remote import fetch_ledger, locked
from scripts.system.background import submit
from scripts.system.text import listed

SETTLES = 2.0  # seconds from the command to the lock, at most: it observes and plans before


def execute(desk: Desk, plan: Plan) -> Outcome:
    """Carry the plan out, up to a release that is proven live.

    Raises:
        DeskError: why not; what was changed is put back, and recorded in the ledger.
    """
    desk.progress.show(words(plan))
    desk.progress.expect({step.name: step.seconds for step in plan.steps if step.seconds})
    request = plan.facts.request
    if request.plan:
        return planned(desk, plan)
    if plan.nothing:
        _require_idle(desk, plan)
        deliver.flush(desk)
        unchanged = {**_unchanged(plan), "lock": FREE}
        return _with_waiting(plan, Outcome.nothing(f"nothing to do: {plan.nothing}", **unchanged))
    refuse(plan)
    _require_ready(desk, plan)
    confirm(desk, plan)
    loading = submit(_load_steps)  # beside the push of the lock
    run = acquire(desk, plan, request.reason or request.allow_bad)
    _require_steps(run, loading)
    from scripts.release.steps import locked_run, report, run_steps

    with locked_run(run):
        pull_request.review(run)
        messages.start(run)
        run_steps(run)
    lags = submit(lagging, desk)
    outcome = _with_waiting(plan, report(run))
    behind = lags.result()
    return replace(outcome, message=outcome.message + listed(behind)) if behind else outcome


def _load_steps() -> None:
    import scripts.release.steps  # noqa: F401 - it is half of the desk


def _require_steps(run: ReleaseRun, loading: Future[None]) -> None:
    """Wait for the steps to be there. Nothing has changed yet: without them the lock is freed again."""
    try:
        loading.result()
    except BaseException:
        run.driver.disconnect()
        with suppress(DeskError, StaleError):
            run.lock.release()
        raise


def _require_ready(desk: Desk, plan: Plan) -> None:
    """Whatever this machine lacks for the steps of the plan, before anything changes.

    Raises:
        DeskError: it lacks something, or the database takes no writes.
    """
    if plan.comparison.pending:
        from scripts.release import migrate

        migrate.ready(desk, plan)
    functions.ready(desk, plan)
    desk.build_variables(plan.facts.environment)


def _with_waiting(plan: Plan, outcome: Outcome) -> Outcome:
    """Also say that the branch before could not come in."""
    waits = plan.facts.waits
    if waits is None:
        return outcome
    return replace(outcome, message=f"{outcome.message}\n  | {waits.why}", hint=waits.hint)


def planned(desk: Desk, plan: Plan) -> Outcome:
    """The outcome of `--plan`; where this machine could not carry it out, it says what it lacks."""
    name, data = plan.facts.environment.name, plan.document()
    if plan.refused:
        return Outcome("failed", plan.refused.why, plan.refused.hint, plan.refused.code, data)
    if plan.nothing:
        return _with_waiting(plan, Outcome.nothing(f"nothing to do: {plan.nothing}", **data))
    message, hint = f"this is what would happen on {name}; nothing was changed", None
    try:
        _require_ready(desk, plan)
    except DeskError as fault:
        message, hint = f"{message}\n  | not from here: {fault.message}", fault.hint
    return Outcome.done(message, hint, **data)


def _require_idle(desk: Desk, plan: Plan) -> None:
    """Look again before "nothing to do": a run that began meanwhile may be changing just that.

    With `--wait` for `SETTLES` seconds: a run that was typed before this one may not have its lock yet.

    Raises:
        Locked: it is, or has just done so.
        Refused: the public URL flaps between commits.
    """
    environment, ledger = plan.facts.environment, plan.facts.ledger
    until = desk.clock() + (SETTLES if plan.facts.request.wait else 0.0)
    while True:
        refs = desk.git.ls_remote()
        moved = refs.get(REF) != ledger.tip and fetch_ledger(desk).ledger
        if lock_ref(environment.name) in refs or (
            moved and moved.last(environment.name) != ledger.last(environment.name)
        ):
            raise locked(desk, environment)
        if desk.clock() >= until:
            break
        desk.sleep(SETTLES / 4)
    sweep(desk, refs)
    others = flapping(driver_of(desk, environment).live, plan.facts.wanted)
    if others:
        raise Refused(
            f"{environment.name} is not live as a whole: {others}",
            "an old instance still serves: stop it on Replit, then `invoke status`",
        )


def refuse(plan: Plan) -> None:
    """Stop before the first change if a rule says no."""
    if plan.refused is None:
        return
    kind = Locked if plan.refused.code == Locked.code else Refused
    fault = kind(plan.refused.why, plan.refused.hint)
    fault.data = _unchanged(plan)
    raise fault


def confirm(desk: Desk, plan: Plan) -> None:
    """A guarded environment changes only when a person typed its name, or CI said `--yes`."""
    environment = plan.facts.environment
    if environment.guarded:
        require_consent(
            desk.progress,
            environment,
            yes=plan.facts.request.yes,
            unchanged=f"{environment.name} is guarded, and nothing was changed",
            data=_unchanged(plan),
        )


def _unchanged(plan: Plan) -> dict[str, Any]:
    """What the JSON document holds when no run began."""
    facts = plan.facts
    last = facts.previous
    return {
        "environment": facts.environment.name,
        "release": last.release if last else None,
        "commit": facts.wanted,
        "live": facts.live.commit,
        "schema": facts.standing,
        "run": None,
        "steps": [],
    }
