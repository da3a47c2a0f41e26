"""How a watch window ends: the verdict goes to the ledger, and a breach is taken back, or told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError, Locked, Refused
from scripts.monitor import verdict
from scripts.monitor.verdict import Figures
from scripts.notify import deliver
from scripts.notify.events import Deed, Fact, notice, who
from scripts.release.execute import execute
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import RollbackRequest
from scripts.state.ledger import Event
from scripts.state.watch import HeldWatch

INCONCLUSIVE = 8  # exit code


@dataclass(frozen=True)
class Ending:
    """A window that is over: what was seen of the live release, and of the one before."""

    desk: Desk
    environment: Environment
    held: HeldWatch
    live: Event
    seen: Figures
    before: Figures | None

    def data(self, word: str, **more: Any) -> dict[str, Any]:
        """For the JSON document."""
        before = self.before.document() if self.before else None
        figures = {"release": self.live.release, **self.seen.document(), "before": before}
        return {"watch": {"verdict": word, **more, **figures}}


def ended(this: Ending, why: str, doubt: str) -> Outcome:
    """The verdict, and what comes of it.

    Args:
        why: it is a breach; `doubt`: there can be no verdict.
    """
    live, seen = this.live, this.seen
    if not doubt and not why and seen.requests < verdict.ENOUGH:
        doubt = f"{seen.requests} requests say nothing; more: `requests` or `minutes` of `watch`"
    if doubt:
        return _inconclusive(this, doubt)
    if why:
        return _breach(this, why)
    slow = verdict.slower(seen, this.before, this.environment.watch)
    if slow:
        alert(this.desk, this.environment, live, f"{live.release} is {slow}", "`invoke status`")
    _write(this, "done", {"verdict": "passed", "figures": seen.document()})
    said = f"{seen.requests} requests, {seen.errors:.1%} failed, p95 {seen.p95 * 1000:.0f} ms"
    return Outcome.done(
        f"{live.release} passed its watch: {said}{f'; {slow}' if slow else ''}",
        None,
        **this.data("passed", slower=slow),
    )


def _write(this: Ending, ending: str, detail: Mapping[str, Any]) -> None:
    """The verdict as a proof; the next release is compared with it. Somebody else may have been quicker."""
    try:
        this.held.judged(this.live, ending, detail)
    except DeskError as fault:
        this.desk.progress.note(f"warning: the verdict is not in the ledger: {fault.message}")


def _inconclusive(this: Ending, doubt: str) -> Outcome:
    _write(this, "error", {"verdict": "inconclusive", "why": doubt, "figures": this.seen.document()})
    return Outcome(
        "failed", f"the watch of {this.live.release} is inconclusive: {doubt}", "`invoke status`",
        INCONCLUSIVE, this.data("inconclusive", why=doubt),
    )  # fmt: skip


def _breach(this: Ending, why: str) -> Outcome:
    """Take the release back, or tell the team that somebody should, once the verdict is written."""
    detail = {"verdict": "failed", "why": why, "figures": this.seen.document()}
    try:
        this.held.judged(this.live, "failed", detail, acts=True)
    except DeskError as fault:
        return _inconclusive(this, f"{why}; nothing was done about it: {fault.message}")
    outcome = _act(this, why)  # whoever is killed here leaves the window open, and somebody tells the team
    this.held.close()
    return outcome


def _act(this: Ending, why: str) -> Outcome:
    desk, live, data = this.desk, this.live, this.data("failed", why=why)
    name, said = this.environment.name, f"{live.release} fails more often than its watch allows: {why}"
    hint = f"`invoke rollback --env {name}`"
    if this.environment.watch.on_breach == "alert" or live.kind != "release":
        alert(desk, this.environment, live, said, hint)
        return Outcome.failed(said, hint, **data)
    desk.progress.note(f"{said}; it is taken back")
    request = RollbackRequest(env=name, yes=True, reason=f"watch window: {why}"[:200])
    try:
        back = _take_back(this, request)
    except (Refused, Locked) as fault:
        said = f"{said}; it can't be taken back: {fault.message}"
        alert(desk, this.environment, live, said, fault.hint or hint)
        return Outcome.failed(said, fault.hint, **data)
    return Outcome.failed(f"{said}; it was taken back: {back.message}", back.hint, **{**back.data, **data})


def _take_back(this: Ending, request: RollbackRequest) -> Outcome:
    """Go back from this very release: one that came meanwhile was never watched here.

    Raises:
        Locked: another run has released, or is at work.
        Refused: there is nothing to go back to.
    """
    plan = decide(observe(this.desk, request))
    if plan.facts.previous is None or plan.facts.previous.run != this.live.run:
        raise Locked(f"{this.live.release} is live no longer", "`invoke status`")
    return execute(this.desk, plan)  # under the lock it makes sure that the plan is still true


def alert(desk: Desk, environment: Environment, live: Event, said: str, hint: str) -> None:
    """Tell the team of a release that is live."""
    deed = Deed(desk.new_id(), desk.actor, desk.now(), job=desk.job)
    facts: Sequence[Fact] = [Fact("release", live.release), *who(environment, deed)]
    title = f"{environment.name}: {said}"
    deliver.send(desk, lambda: notice("down", environment.name, deed, title, facts, hint=hint))
