"""`drill`: a release that is broken on purpose must be caught, taken back and announced, today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused, ReleaseFailed, TakenBack
from scripts.notify import deliver, events
from scripts.notify.deliver import undelivered
from scripts.notify.events import Deed, Fact
from scripts.release import publish
from scripts.release.execute import confirm, refuse
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.plan_text import words
from scripts.release.request import DrillRequest
from scripts.release.run import ReleaseRun, acquire
from scripts.release.steps import locked_run
from scripts.replit.drivers import driver_of
from scripts.state.ledger import Event
from scripts.state.remote import observe_remote, record

SUBJECT = "drill: a commit that is broken on purpose"


def drill(desk: Desk, request: DrillRequest) -> Outcome:
    """Release a broken commit, see it caught and taken back, and write the dated proof."""
    environment = request.target(desk.settings)
    good = _ready(desk, environment)
    broken = _break(desk, good.commit)
    plan = decide(observe(desk, replace(request, sha=broken)))
    desk.progress.show(words(plan))
    refuse(plan)
    confirm(desk, plan)
    drilled = acquire(desk, plan, SUBJECT)
    try:
        with locked_run(drilled):
            _release_it(drilled)
    except TakenBack:
        raise
    except ReleaseFailed as caught:
        return _proven(drilled, good, caught)
    raise AssertionError("`_release_it` always raises")


def _ready(desk: Desk, environment: Environment) -> Event:
    """A drill starts from a good state, never where customers are, and needs to know what to break.

    Raises:
        Refused: one of these does not hold.
    """
    if environment.guarded:
        raise Refused(
            f"{environment.name} is guarded: drills are for an environment without customers",
            f"`invoke drill --env {desk.settings.chain[0]}`",
        )
    if not driver_of(desk, environment).unattended:
        raise Refused("a drill needs a driver that publishes without a person", '`publish = "mcp"`')
    good = observe_remote(desk).ledger.live(environment.name)
    live = driver_of(desk, environment).live().commit
    if good is None or live != good.commit:
        raise Refused(
            f"{environment.name} is not at a proven release: a drill could not tell what it broke",
            f"`invoke deploy --env {environment.name}`",
        )
    return good


def _break(desk: Desk, commit: str) -> str:
    """A commit on top of the good one in which `[drill] file` holds `[drill] text`; on no branch."""
    drill = desk.settings.drill
    if not drill.file:
        raise Refused(
            "the drill does not know how to break this app",
            "name a `file` and its broken `text` under `[drill]` in `pipeline.toml`",
        )
    return desk.git.commit_file(commit, drill.file, drill.text, f"{SUBJECT} ({desk.now()})")


def _release_it(run: ReleaseRun) -> None:
    """Release it like any other. It has to fail; then `locked_run` takes it back."""
    expected = run.plan.facts.expected
    publish.build(run, expected)
    publish.publish(run)
    publish.verify(run, expected)
    raise TakenBack(
        f"the drill FAILED: {run.environment.name} took a broken commit for a good release;"
        " name a page that the drill breaks in `[verify] paths`",
        bad=True,
    )


def _proven(run: ReleaseRun, good: Event, caught: ReleaseFailed) -> Outcome:
    """The good release must be live again and verified, and the notices must have gone out."""
    desk, environment = run.desk, run.environment
    back = run.live is not None and run.live.commit == good.commit
    left = undelivered(desk, environment)
    passed = back and not left
    seconds = round(sum(float(step["seconds"]) for step in run.steps), 1)
    reason = caught.message.splitlines()[0]
    found: dict[str, Any] = {
        "caught": reason,
        "back": good.commit if back else None,
        "seconds": seconds,
        "undelivered": left,
    }
    if passed:
        record(desk, environment.name, "proof", commit=good.commit, run=run.id, what="drill", **found)
    facts = [
        Fact("caught", reason),
        Fact("live again", good.release),
        Fact("notices waiting", str(left)),
    ]
    deed = Deed(run.id, desk.actor, desk.now(), seconds, job=desk.job)
    deliver.send(desk, lambda: events.of_drill(environment, deed, passed=passed, facts=facts))
    if not passed:
        return Outcome.failed(
            f"the drill FAILED on {environment.name}: "
            + (f"{left} notices were not delivered" if back else f"live is {run.live}"),
            f"fix it, then `invoke drill --env {environment.name}`",
            **found,
        )
    return Outcome.done(
        f"the drill passed on {environment.name} in {seconds:g} s: the broken release was caught"
        f" ({reason}), {good.release} is live again and verified, the notices are out",
        **found,
    )
