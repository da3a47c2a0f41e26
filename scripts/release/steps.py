"""The steps of a plan, in order, under the lock; and how they ended.

Imported while the lock is acquired: what a release may need to go on and to go back is half of the desk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.config.outcome import Outcome
from scripts.database.restore.plan import lost_rows
from scripts.errors import Interrupted
from scripts.notify import source_maps
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
from scripts.release.leak_gate import Bundle, Reading, scan_bundle, scan_served
from scripts.release.recover import recover
from scripts.release.run import ReleaseRun
from scripts.replit.live import fault
from scripts.system import signals


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
    with Reading(run) as reading:
        publish.verify(run, facts.expected, pages=not older, reading=reading)
        _scan_live(run, built, reading)
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


def _scan_live(run: ReleaseRun, built: Bundle | None, reading: Reading) -> None:
    """Scan what is live. Of what this run did not build itself, no scan is known to have passed.

    A run that resumes may find everything published; and a person may have published by hand.
    """
    whole = scan_served(run, built or {}, reading)
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
