"""The way back: the previous proven release is published and verified again, and both facts are said."""

from __future__ import annotations

from contextlib import suppress

from scripts.domain.release.ledger import Event
from scripts.domain.release.live import Expected, fault
from scripts.errors import DeskError, LiveUnknown
from scripts.workflows.database import schema_back
from scripts.workflows.release import publish
from scripts.workflows.run.run import Run

CHANGES_LIVE = ("scan", "publish", "verify", "finish")
CHANGES_WORKSPACE = ("build", *CHANGES_LIVE)


def way_back(run: Run, error: DeskError) -> DeskError:
    """Bring the previous release back, and prove it; returns the error with what became of it."""
    previous = run.plan.facts.previous
    if run.plan.facts.rolls_back and (run.at in CHANGES_LIVE or schema_back.gone_back(run)):
        return _not_twice(run, error)
    if previous is None:
        error.message += f"\n  | live now: {run.live} (nothing was released here before)"
        return error
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    # what was asked for may still come: then the previous release has to be asked for after it
    untouched = not run.sent and run.live is not None and fault(run.live, expected) is None
    if run.environment.publish == "manual" and not untouched:
        return _by_hand(run, error, previous)
    with suppress(DeskError):
        run.holding.beat(back=error.message.splitlines()[0])
    run.tools.progress.note(f"going back to {_name(previous)}")
    due = schema_back.due(run)
    try:
        publish.build(run, expected)
        if not untouched:
            publish.publish(run)
            publish.verify(run, expected, quiet=True, pages=not due)
    except DeskError as second:
        return _failed(run, error, second, previous, untouched=untouched)
    again = "is still live" if untouched else "is live again, and verified"
    error.message += f"\n  | {_name(previous)} {again}"
    return schema_back.follow_code(run, error, expected, due)


def _name(release: Event) -> str:
    return f"`{release.release}` (`{release.commit[:12]}`)"


def _not_twice(run: Run, error: DeskError) -> DeskError:
    """No rollback of a rollback: a person decides."""
    name = run.environment.name
    return LiveUnknown(
        f"the rollback of {name} failed: {error.message}"
        f"\n  | live now: {run.live}; the database has {run.schema or 'no migrations'}",
        f"look at {run.environment.url}; another release: `invoke rollback --env {name} --to vN`",
    )


def _by_hand(run: Run, error: DeskError, previous: Event) -> DeskError:
    """Where a person presses Publish, nobody else can go back: at least the workspace does."""
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    with suppress(DeskError):
        publish.build(run, expected)
        error.message += f"\n  | the workspace is back at {_name(previous)}"
    run.live = run.tools.look(run.environment)
    error.message += f"\n  | live now: {run.live}"
    return error


def _failed(
    run: Run, error: DeskError, second: DeskError, previous: Event, *, untouched: bool
) -> DeskError:
    if untouched:  # what is live is known; only the workspace is not as it was
        error.message += (
            f"\n  | {_name(previous)} is still live; the workspace was not put back: {second.message}"
        )
        error.hint = "press no Publish on Replit before the next release"
        return error
    run.live = run.tools.look(run.environment)
    return LiveUnknown(
        f"{error.message}\nand the way back to {_name(previous)} failed: {second.message}"
        f"\n  | live now: {run.live}",
        f"look at {run.environment.url}, then `invoke status`",
    )
