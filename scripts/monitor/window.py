"""The watch window: a release that has just gone live is looked at closely, and perhaps taken back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError, Locked, Refused
from scripts.monitor import verdict
from scripts.monitor.checks import Check, checks_of
from scripts.monitor.probes import Round, look_at
from scripts.monitor.sentry_issues import Issues, new_issues
from scripts.monitor.verdict import Figures, Sample
from scripts.monitor.watcher import Probe, epoch
from scripts.notify import deliver
from scripts.notify.events import Deed, Fact, notice, who
from scripts.release.execute import execute
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import ReleaseRequest, RollbackRequest
from scripts.state.ledger import Event
from scripts.state.lock import lock_ref
from scripts.state.remote import Remote, observe_remote, record
from scripts.system.background import submit

PROOF = "watch"
INCONCLUSIVE = 8  # exit code
SENTRY_PAUSE, SENTRY_SECONDS = 15.0, 5.0  # between two questions; for each
R = TypeVar("R", bound=ReleaseRequest)


def watched(workflow: Callable[[Desk, R], Outcome], probe: Probe = look_at) -> Callable[[Desk, R], Outcome]:
    """The workflow of a release, and then the window of its environment, if that has one."""

    def run(desk: Desk, request: R) -> Outcome:
        outcome = workflow(desk, request)
        environment = request.target(desk.settings)
        if outcome.ending != "done" or request.plan or not environment.watch.minutes:
            return outcome
        seen = Window(desk, environment, probe).run()
        data = {**outcome.data, **seen.data}
        if seen.code:
            return replace(seen, data=data)
        return replace(outcome, message=f"{outcome.message}\n{seen.message}", data=data)

    return run


@dataclass
class Window:
    """One window over the live release of an environment."""

    desk: Desk
    environment: Environment
    probe: Probe = look_at
    _samples: list[Sample] = field(default_factory=list)
    _issues: Issues | None = None  # what Sentry said last
    _doubt_of_sentry: str = ""
    _asked: float = -math.inf

    def __post_init__(self) -> None:
        monitor = self.desk.settings.monitor._replace(cold_start=0)  # it has just answered
        self._looking = replace(self.desk, settings=replace(self.desk.settings, monitor=monitor))
        checks = checks_of(self._looking.settings, self.environment, {})
        self._pages = [each for each in checks if each.kind == "http"]

    def run(self) -> Outcome:
        """Look until the time is over, the release is worse than it may be, or something else is live."""
        remote = observe_remote(self.desk)
        live = remote.ledger.live(self.environment.name)
        if live is None or not self._pages:
            raise Refused(f"there is nothing to watch in {self.environment.name}")
        rules, before = self.environment.watch, self._before(remote, live)
        self.desk.progress.begin("watch", f"{live.release} for {rules.minutes} min")
        began = self.desk.clock()
        why, doubt = "", ""
        while not why and not doubt and self.desk.clock() - began < rules.minutes * 60:
            tick = self.desk.clock()
            self._look(live)
            why, doubt = self._breached(before), self._doubt(live)
            self.desk.sleep(max(0.0, rules.interval - (self.desk.clock() - tick)))
        ending = "failed" if why or doubt else "done"
        self.desk.progress.end("watch", ending, self.desk.clock() - began)
        return self._ended(live, before, why, doubt)

    def _before(self, remote: Remote, live: Event) -> Figures | None:
        return verdict.baseline(remote.ledger.proofs(self.environment.name, PROOF), live.commit)

    def _breached(self, before: Figures | None) -> str:
        rules = self.environment.watch
        why = verdict.breach(self._samples, before, rules)
        return why or (verdict.newer(*self._issues, before, rules) if self._issues else "")

    def _ask_sentry(self, live: Event) -> None:
        """What it said before stands while it does not answer, and it is a doubt."""
        if not self.environment.watch.sentry:
            return
        self._asked = self.desk.clock()
        try:
            self._issues = new_issues(self.desk, self.environment, live.commit, SENTRY_SECONDS)
            self._doubt_of_sentry = ""
        except Refused as fault:
            self._doubt_of_sentry = fault.message

    def _look(self, live: Event) -> None:
        """As many requests to each page as one look has, side by side, each over its own connection."""
        made, pages = Round(self._looking, epoch(self.desk)), self._pages * self.environment.watch.requests
        started = [submit(self._sample, made, page) for page in pages]
        if self.desk.clock() - self._asked >= SENTRY_PAUSE:
            self._ask_sentry(live)
        self._samples += sorted(each.result() for each in started)

    def _sample(self, made: Round, page: Check) -> Sample:
        look = self.probe(made, page)
        why = f"`{page.name}`: {look.why}"
        return Sample(self.desk.clock(), look.level in ("good", "warn"), look.seconds or 0.0, why)

    def _doubt(self, live: Event) -> str:
        """Why the samples may not be those of this release, or no judgement is possible."""
        try:
            remote = observe_remote(self.desk)
        except DeskError as fault:
            return f"the ledger can't be read: {fault.message.splitlines()[0]}"
        now = remote.ledger.live(self.environment.name)
        if now is None or now.run != live.run:
            return f"{now.release if now else 'nothing'} is live meanwhile"
        if lock_ref(self.environment.name) in remote.refs:
            return "another run has begun"
        return ""

    def _ended(self, live: Event, before: Figures | None, why: str, doubt: str) -> Outcome:
        if not why and not doubt:
            self._ask_sentry(live)
            why = self._breached(before)
            doubt = "" if why else self._doubt_of_sentry
        seen = verdict.figures(live.release, self._samples, self._issues.number if self._issues else None)
        data = {"release": live.release, **seen.document(), "before": before.document() if before else None}
        if doubt or (seen.requests < verdict.ENOUGH and not why):
            doubt = (
                doubt or f"{seen.requests} requests say nothing; more: `requests` or `minutes` of `watch`"
            )
            return Outcome(
                "failed", f"the watch of {live.release} is inconclusive: {doubt}", "`invoke status`",
                INCONCLUSIVE, {"watch": {"verdict": "inconclusive", **data}},
            )  # fmt: skip
        self._record(live, seen, passed=not why)
        if why:
            return self._breach(live, why, {"watch": {"verdict": "failed", "why": why, **data}})
        slow = verdict.slower(seen, before, self.environment.watch)
        if slow:
            self._alert(f"{live.release} is {slow}", live, "`invoke status`")
        said = f"{seen.requests} requests, {seen.errors:.1%} failed, p95 {seen.p95 * 1000:.0f} ms"
        return Outcome.done(
            f"{live.release} passed its watch: {said}{f'; {slow}' if slow else ''}",
            None,
            watch={"verdict": "passed", "slower": slow, **data},
        )

    def _record(self, live: Event, seen: Figures, *, passed: bool) -> None:
        """The verdict as a proof; the next release is compared with it."""
        try:
            record(
                self.desk, self.environment.name, "proof", "done" if passed else "failed",
                commit=live.commit, release=live.release, what=PROOF, figures=seen.document(),
            )  # fmt: skip
        except DeskError as fault:
            self.desk.progress.note(f"warning: the verdict is not in the ledger: {fault.message}")

    def _breach(self, live: Event, why: str, data: dict[str, Any]) -> Outcome:
        """Take the release back, or tell the team that somebody should."""
        name, said = self.environment.name, f"{live.release} is worse than it may be: {why}"
        hint = f"`invoke rollback --env {name}`"
        if self.environment.watch.on_breach == "alert" or live.kind != "release":
            self._alert(said, live, hint)
            return Outcome.failed(said, hint, **data)
        self.desk.progress.note(f"{said}; it is taken back")
        request = RollbackRequest(env=name, yes=True, reason=f"watch window: {why}"[:200])
        try:
            back = self._take_back(live, request)
        except (Refused, Locked) as fault:
            self._alert(f"{said}; it can't be taken back: {fault.message}", live, fault.hint or hint)
            return Outcome.failed(f"{said}; it can't be taken back: {fault.message}", fault.hint, **data)
        return Outcome.failed(
            f"{said}; it was taken back: {back.message}", back.hint, **{**back.data, **data}
        )

    def _take_back(self, live: Event, request: RollbackRequest) -> Outcome:
        """Go back from this very release: one that came meanwhile was never watched here.

        Raises:
            Locked: another run has released, or is at work.
            Refused: there is nothing to go back to.
        """
        plan = decide(observe(self.desk, request))
        if plan.facts.previous is None or plan.facts.previous.run != live.run:
            raise Locked(f"{live.release} is live no longer", "`invoke status`")
        return execute(self.desk, plan)  # under the lock it makes sure that the plan is still true

    def _alert(self, said: str, live: Event, hint: str) -> None:
        desk, environment = self.desk, self.environment
        deed = Deed(desk.new_id(), desk.actor, desk.now(), job=desk.job)
        facts: Sequence[Fact] = [Fact("release", live.release), *who(environment, deed)]
        title = f"{environment.name}: {said}"
        deliver.send(desk, lambda: notice("down", environment.name, deed, title, facts, hint=hint))
