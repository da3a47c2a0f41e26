"""A rollback failed after its data were switched: both sides go forth again, or it is said what is what.

Never the older code over the present data, and never the present code over the older data.
"""

from __future__ import annotations

from contextlib import suppress

from scripts.errors import DeskError, Interrupted, LiveUnknown
from scripts.release import functions, publish, switch_data
from scripts.release.run import ReleaseRun
from scripts.replit.live import Expected, fault
from scripts.state.ledger import Event

NO_PUBLISH = "press no Publish on Replit before the next release"
SETTLED = ("finish", "analyze")  # when these fail, the older code is proven live with its data


def recover(run: ReleaseRun, error: DeskError, failed_at: str) -> DeskError:
    """Bring back the present release with the present data; returns the error with what came of that."""
    previous = run.plan.facts.previous
    if failed_at in SETTLED and not isinstance(error, Interrupted):
        error.message += f"\n  | live now: {run.live}{switch_data.words(run)}"
        return error
    begun = run.sent or run.deploying
    if previous is None or (begun and isinstance(error, Interrupted | LiveUnknown)):
        return _unknown(run, error)
    expected = Expected(previous.commit, run.environment.name, previous.built_for)
    if run.sent:
        run.live = run.driver.live()
        with suppress(DeskError):
            run.lock.heartbeat(back=error.message.splitlines()[0])
    if not run.sent or (run.live is not None and fault(run.live, expected) is None):
        return _data_first(run, error, expected, _name(previous))
    return _code_first(run, error, expected, _name(previous))


def _data_first(run: ReleaseRun, error: DeskError, expected: Expected, name: str) -> DeskError:
    """The present code is live: it gets its data. A Publish that may still arrive is published over."""
    if not isinstance(error, Interrupted):
        error = functions.put_back(run, error)
    error = _data_back(run, error, f"{name} is still live")
    if isinstance(error, Interrupted):
        error.message += f"\n  | the workspace was built to another commit: {NO_PUBLISH}"
    elif run.sent and run.driver.unattended and not isinstance(error, LiveUnknown):
        return _publish_again(run, error, expected)
    elif run.built:
        return _workspace(run, error, expected)
    return error


def _code_first(run: ReleaseRun, error: DeskError, expected: Expected, name: str) -> DeskError:
    """The older code is live with its data. If the present code can't be published, both stay."""
    if not run.driver.unattended:
        return _unknown(run, error, resumable=False)
    error = _publish_again(run, error, expected)
    return error if isinstance(error, LiveUnknown) else _data_back(run, error, f"{name} is live again")


def _data_back(run: ReleaseRun, error: DeskError, code: str) -> DeskError:
    """The present code is live: give it its data."""
    try:
        said = switch_data.put_back(run)
    except DeskError as second:
        return _unknown(run, error, f"\n  | {code}; its data are not back: {second.message}")
    error.message += f"\n  | {code}; {said}"
    return error


def _publish_again(run: ReleaseRun, error: DeskError, expected: Expected) -> DeskError:
    """Publish the present release again, and verify it; its pages may need its data."""
    try:
        publish.build(run, expected, back=True)
        error = functions.put_back(run, error)
        publish.publish(run)
        publish.verify(run, expected, quiet=True, pages=not run.switched)
    except DeskError as second:
        run.live = run.driver.live()
        return _unknown(
            run, error, f"\n  | and the way back to `{expected.commit[:12]}` failed: {second.message}"
        )
    return error


def _workspace(run: ReleaseRun, error: DeskError, expected: Expected) -> DeskError:
    """Only a person can press Publish: it must not ship what is not released."""
    with suppress(DeskError):
        publish.build(run, expected, back=True)
        return error
    error.message += (
        "\n  | the workspace was not put back: press no Publish on Replit before the next release"
    )
    return error


def _unknown(run: ReleaseRun, error: DeskError, more: str = "", *, resumable: bool = True) -> LiveUnknown:
    """Code and data may not belong together: `resume`, or a person, decides."""
    name, target = run.environment.name, run.plan.facts.target
    to = f" to {target.release}" if target else ""
    hint = f"`invoke resume --env {name}` finishes or undoes it"
    return LiveUnknown(
        f"the rollback of {name}{to} is neither done nor undone: {error.message}{more}"
        f"\n  | live now: {run.live}{switch_data.words(run)}",
        hint
        if resumable
        else f"look at {run.environment.url}; another release: `invoke rollback --env {name} --to vN`",
        resumable=resumable,
    )


def _name(release: Event) -> str:
    return f"`{release.release}` (`{release.commit[:12]}`)"
