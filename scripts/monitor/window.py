"""The watch window: a release that has just gone live is looked at closely, and judged."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, DeskError, Interrupted, Locked, Refused
from scripts.monitor import verdict
from scripts.monitor.checks import Check, checks_of
from scripts.monitor.probes import Round, look_at
from scripts.monitor.sentry_issues import Issues, new_issues
from scripts.monitor.verdict import Figures, Sample
from scripts.monitor.watcher import Probe, epoch
from scripts.monitor.window_end import Ending, ended
from scripts.state.ledger import Event
from scripts.state.lock import lock_ref
from scripts.state.remote import Remote, observe_remote
from scripts.state.watch import PROOF, HeldWatch
from scripts.system.background import submit
from scripts.system.signals import Stop

SENTRY_PAUSE, SENTRY_SECONDS = 15.0, 5.0  # between two questions; for each
SHORTEST = 60.0  # seconds that are looked where a window is taken over late


@dataclass
class Window:
    """One window over the live release of an environment, which this process owns.

    Args:
        live: the release, and `before` the figures that it is compared with.
        due: when to look next, by the clock; `until` the end.
        overtaken: somebody else has begun something.
    """

    desk: Desk
    environment: Environment
    held: HeldWatch
    live: Event
    before: Figures | None
    probe: Probe = look_at
    due: float = 0.0
    until: float = 0.0
    overtaken: bool = False
    _samples: list[Sample] = field(default_factory=list)
    _issues: Issues | None = None  # what Sentry said last
    _doubt_of_sentry: str = ""
    _asked: float = -math.inf

    def __post_init__(self) -> None:
        monitor = self.desk.settings.monitor._replace(cold_start=0)  # it has just answered
        self._looking = replace(self.desk, settings=replace(self.desk.settings, monitor=monitor))
        checks = checks_of(self._looking.settings, self.environment, {})
        self._pages = [each for each in checks if each.kind == "http"]
        self._began = self.due = self.desk.clock()
        self.until = self.due + self._left()
        minutes = (self.until - self.due) / 60
        self.desk.progress.begin("watch", f"{self.live.release} for {minutes:.0f} min")

    def _left(self) -> float:
        """Seconds: all of it at first; what is left of it where somebody else began."""
        whole = self.environment.watch.minutes * 60.0
        passed = epoch(self.desk) - epoch(self.desk, self.held.content.at)
        return min(whole, max(SHORTEST, whole - passed)) if self.held.content.beat > 1 else whole

    def run(self) -> Outcome:
        """Look until there is a verdict.

        Raises:
            Interrupted: by a signal; somebody else may go on.
        """
        try:
            while True:
                if outcome := self.tick():
                    return outcome
                self.desk.sleep(max(0.0, self.due - self.desk.clock()))
        except Stop as stop:
            self.held.give_back()
            name = self.environment.name
            raise Interrupted(
                f"{self.live.release} is live in {name}; its watch was {stop}",
                f"`invoke resume --env {name}` goes on with it, as does a `monitor.watch`",
            ) from None

    def tick(self) -> Outcome | None:
        """One look; the outcome once there is a verdict."""
        began = self.desk.clock()
        over = began >= self.until
        why, doubt = "", ""
        if not over:
            self._look()
            why, doubt = self._breached(), self._doubt()
            self.due = max(self.desk.clock(), began + self.environment.watch.interval)
            if not why and not doubt:
                return None
        elif self.environment.watch.sentry:
            self._ask_sentry()
            why = self._breached()
            doubt = "" if why else self._doubt_of_sentry
        if not self._pages:
            doubt = doubt or "there is no page to look at: `page` is in `off` of `[monitor]`"
        self.desk.progress.end("watch", "failed" if why or doubt else "done", began - self._began)
        issues = self._issues.number if self._issues else None
        seen = verdict.figures(self.live.release, self._samples, issues)
        ending = Ending(self.desk, self.environment, self.held, self.live, seen, self.before)
        return ended(ending, why, doubt)

    def _breached(self) -> str:
        rules = self.environment.watch
        why = verdict.breach(self._samples, self.before, rules)
        return why or (verdict.newer(*self._issues, self.before, rules) if self._issues else "")

    def _ask_sentry(self) -> None:
        """What it said before stands while it does not answer, and it is a doubt."""
        self._asked = self.desk.clock()
        try:
            self._issues = new_issues(self.desk, self.environment, self.live.commit, SENTRY_SECONDS)
            self._doubt_of_sentry = ""
        except Refused as fault:
            self._doubt_of_sentry = fault.message

    def _look(self) -> None:
        """As many requests to each page as one look has, side by side, each over its own connection."""
        made, pages = Round(self._looking, epoch(self.desk)), self._pages * self.environment.watch.requests
        started = [submit(self._sample, made, page) for page in pages]
        if self.environment.watch.sentry and self.desk.clock() - self._asked >= SENTRY_PAUSE:
            self._ask_sentry()
        self._samples += sorted(each.result() for each in started)

    def _sample(self, made: Round, page: Check) -> Sample:
        look = self.probe(made, page)
        why = f"`{page.name}`: {look.why}"
        return Sample(self.desk.clock(), look.level in ("good", "warn"), look.seconds or 0.0, why)

    def _doubt(self) -> str:
        """Why the samples may not be those of this release, or no judgement is possible."""
        try:
            self.held.beat()
            remote = observe_remote(self.desk)
        except Locked as fault:
            self.overtaken = True
            return fault.message
        except DeskError as fault:
            return f"the ledger can't be read: {fault.message.splitlines()[0]}"
        now = remote.ledger.live(self.environment.name)
        if now is None or now.run != self.live.run:
            self.overtaken = True
            return f"{now.release if now else 'nothing'} is live meanwhile"
        if lock_ref(self.environment.name) in remote.refs:
            self.overtaken = True
            return "another run has begun"
        return ""


def begin(desk: Desk, environment: Environment, held: HeldWatch, remote: Remote, probe: Probe) -> Window:
    """The window over what is live, which this process has taken.

    Raises:
        Locked: something else is live meanwhile.
    """
    live = remote.ledger.live(environment.name)
    if live is None or live.run != held.content.run:
        with contextlib.suppress(CommandFailed):
            held.close()
        raise Locked(f"something else is live in {environment.name} meanwhile", "`invoke status`")
    before = verdict.baseline(remote.ledger.proofs(environment.name, PROOF), live.commit)
    return Window(desk, environment, held, live, before, probe)
