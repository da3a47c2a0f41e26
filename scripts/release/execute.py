"""Execute a plan: every release, step by step. `deploy` and `promote` differ only in what they plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.database.restore.plan import lost_rows
from scripts.errors import DeskError, Interrupted, Locked, Refused
from scripts.notify import deliver, source_maps
from scripts.release import (
    functions,
    messages,
    migrate,
    predeploy_backup,
    publish,
    pull_request,
    switch_data,
    undo_schema,
)
from scripts.release.cli_view import CliView, looking
from scripts.release.leak_gate import Bundle, scan_bundle, scan_served
from scripts.release.plan import Plan
from scripts.release.plan_text import words
from scripts.release.recover import recover
from scripts.release.run import ReleaseRun, acquire
from scripts.replit.drivers import driver_of
from scripts.replit.live import fault, flapping
from scripts.state.held_lock import sweep
from scripts.state.ledger import REF
from scripts.state.lock import FREE, lock_ref
from scripts.state.mirrors import lagging
from scripts.state.remote import fetch_ledger, locked
from scripts.system import signals
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
    with locked_run(acquire(desk, plan, request.reason or request.allow_bad)) as run:
        pull_request.review(run)
        messages.start(run)
        run_steps(run)
    outcome = _with_waiting(plan, report(run))
    behind = lagging(desk)
    return replace(outcome, message=outcome.message + listed(behind)) if behind else outcome


def _require_ready(desk: Desk, plan: Plan) -> None:
    """Whatever this machine lacks for the steps of the plan, before anything changes.

    Raises:
        DeskError: it lacks something, or the database takes no writes.
    """
    migrate.ready(desk, plan)
    functions.ready(desk, plan)
    desk.build_variables(plan.facts.environment)


def _with_waiting(plan: Plan, outcome: Outcome) -> Outcome:
    """Also say that the branch before could not come in."""
    waits = plan.facts.waits
    if waits is None:
        return outcome
    return replace(outcome, message=f"{outcome.message}\n  | {waits.why}", hint=waits.hint)


def run_steps(run: ReleaseRun) -> None:
    """The steps in order. Each may be repeated, so a run that died here is simply run again.

    The build and its leak scan come first: if they fail, the database is untouched.
    """
    plan, facts = run.plan, run.plan.facts
    publishes = bool(plan.comparison.pending) or fault(facts.live, facts.expected) is not None
    with looking(run) as view:
        built = _build(run, publishes=publishes)
        _prepare_database(run, view)
    functions.deploy(run)
    if publishes:
        publish.publish(run)
    older = bool(plan.back.undo)  # its pages may need the older schema
    publish.verify(run, facts.expected, pages=not older)
    _scan_live(run, built)
    if older:
        undo_schema.undo(run, plan.back.undo)
        publish.verify(run, facts.expected)
    if run.switched:
        switch_data.analyze(run)
    pull_request.land(run)


def _build(run: ReleaseRun, *, publishes: bool) -> Bundle | None:
    """Everything before the database changes; returns what was built."""
    plan, facts = run.plan, run.plan.facts
    backup = predeploy_backup.begin(run) if facts.backs_up and not plan.comparison.pending else None
    built = scan_bundle(run, publish.build(run, facts.expected, send=True)) if publishes else None
    publish.deliver(run)
    run.maps = source_maps.begin(run.desk, run.environment, facts.wanted, built or {})
    if publishes:
        pull_request.review(run)  # the build took its time
    if backup:
        predeploy_backup.finish(run, backup)
    return built


def _scan_live(run: ReleaseRun, built: Bundle | None) -> None:
    """Scan what is live. Of what this run did not build itself, no scan is known to have passed.

    A run that resumes may find everything published; and a person may have published by hand.
    """
    whole = scan_served(run, built or {})
    if built is None and not whole and not run.plan.facts.rolls_back:
        scan_bundle(run, publish.build(run, run.plan.facts.expected, send=True))


def _prepare_database(run: ReleaseRun, view: CliView | None) -> None:
    """What comes before the code is live: its migrations; for a rollback, a trial or the data."""
    if run.plan.comparison.pending:
        if run.environment.guarded or run.plan.facts.backs_up:
            predeploy_backup.back_up(run)
        migrate.rehearse(run)
        migrate.migrate(run, view)
    if run.plan.back.undo:
        undo_schema.rehearse(run)
    if run.plan.restores:
        switch_data.take_back(run)


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


@contextmanager
def locked_run(run: ReleaseRun) -> Iterator[ReleaseRun]:
    """Around every change: the lock is held before, and what is true is in the ledger afterwards."""
    try:
        yield run
    except BaseException as fault:
        if error := signals.as_desk_error(fault):
            raise recover(run, error) from None
        recover(run, Interrupted("a fault of the desk itself"))
        raise


def report(run: ReleaseRun) -> Outcome:
    """The good ending, announced to the team, with the next command."""
    messages.success(run)
    if run.plan.facts.rolls_back:
        return rolled_back(run)
    environment, following = run.environment, run.desk.settings.after(run.environment)
    back = (
        f"should it be bad: `invoke rollback --env {environment.name}`" if run.plan.facts.previous else None
    )
    hint = f"next: `invoke promote --to {following.name}`" if following else back
    return Outcome.done(
        f"{environment.name} {run.release} is live at {environment.url}, verified {run.took}"
        f"{functions.words(run)}",
        hint,
        **run.document(),
    )


def rolled_back(run: ReleaseRun) -> Outcome:
    """The outcome of a rollback: what is live again, what is bad now, and how to undo it."""
    facts, name = run.plan.facts, run.environment.name
    to = facts.target.release if facts.target else ""
    left = facts.previous
    if left and left.commit == facts.wanted:  # something else was live, which is no release
        left = None
    undo = f"invoke rollback --env {name} --to {left.release} --allow-bad REASON" if left else ""
    bad = f"; {left.release} `{left.commit[:8]}` is marked bad" if left else ""
    return Outcome.done(
        f"{name} {run.release} is live at {run.environment.url}, verified {run.took}"
        f"\n  | it is {to} again{bad}; {name} is held{_schema_said(run)}{functions.words(run)}",
        f"when fixed: `invoke release-hold --env {name}`; to undo this rollback: `{undo}`"
        if undo
        else f"when fixed: `invoke release-hold --env {name}`",
        **run.document(),
    )


def _schema_said(run: ReleaseRun) -> str:
    """What happened to schema and data."""
    said = [f"undone: {', '.join(f'`{file}`' for file in run.undone)}"] if run.undone else []
    if run.restored:
        lost = lost_rows(run.restored, str(run.restored["aside"]), run.environment.name)
        said.append(f"the data are those of `{run.restored['backup']}`; {lost}")
    if run.plan.back.ahead:
        said.append(f"schema stays ahead: {', '.join(str(migration) for migration in run.plan.back.ahead)}")
    return "".join(f"\n  | {each}" for each in said)


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
