"""Who goes on with a watch window: the release itself, `resume`, or a `monitor.watch` somewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Interrupted, Locked
from scripts.monitor.probes import look_at
from scripts.monitor.watcher import Probe
from scripts.monitor.window import Window, begin
from scripts.monitor.window_end import INCONCLUSIVE, alert
from scripts.release.request import ResumeRequest
from scripts.state.lock import lock_ref
from scripts.state.remote import Remote, observe_remote
from scripts.state.watch import HeldWatch, Watch, clear, read_watch, verdict_of, watch_ref, windows

LOOKS = 10  # how often the ref is looked at within its time to live
S = TypeVar("S", bound=ResumeRequest)


class Found(NamedTuple):
    """The window of the live release, as it was seen."""

    id: str
    watch: Watch
    remote: Remote


def find(desk: Desk, environment: Environment) -> Found | None:
    """The open window of what is live; those of what is not are ended. None while a run is at work."""
    remote = observe_remote(desk)
    live = remote.ledger.live(environment.name)
    if lock_ref(environment.name) in remote.refs:
        return None
    clear(desk, environment, remote.ledger, remote.refs)
    if live is None or live.run not in windows(remote.refs, environment.name):
        return None
    seen = read_watch(desk, environment.name, live.run)
    return Found(*seen, remote) if seen else None


def resumed(workflow: Callable[[Desk, S], Outcome], probe: Probe = look_at) -> Callable[[Desk, S], Outcome]:
    """What finishes a dead run, and then the window of what is live, which that run left."""

    def run(desk: Desk, request: S) -> Outcome:
        outcome = workflow(desk, request)
        environment = desk.settings.environment(request.env)
        if outcome.ending == "done" and environment.watch.minutes:
            return after(desk, environment, outcome, probe)
        found = find(desk, environment) if outcome.ending == "nothing" else None
        if found is None:
            return outcome
        if environment.guarded:
            unchanged = f"{environment.name} is guarded, and the window goes on without this"
            require_consent(desk.progress, environment.name, yes=request.yes, unchanged=unchanged)
        return _taken(desk, environment, _silent(desk, environment, found), probe)()

    return run


def after(desk: Desk, environment: Environment, outcome: Outcome, probe: Probe) -> Outcome:
    """Watch what the run has just made live."""
    try:
        found = find(desk, environment)
        if found is None or found.watch.run != outcome.data.get("run"):
            return outcome
        if not environment.watch.wait:
            later = f"a `monitor.watch` looks at it for {environment.watch.minutes} min"
            return replace(outcome, message=f"{outcome.message}\n{later}")
        go_on = _taken(desk, environment, found, probe)
    except (CommandFailed, CommandTimedOut, Locked) as fault:
        hint = f"`invoke resume --env {environment.name}`"
        why = f"its watch can't be held: {fault.message}"
        data = {**outcome.data, "watch": {"verdict": "inconclusive", "why": why}}
        return Outcome("failed", f"{outcome.message}\n{why}", hint, INCONCLUSIVE, data)
    seen = go_on()
    data = {**outcome.data, **seen.data}
    if seen.code:
        return replace(seen, data=data)
    return replace(outcome, message=f"{outcome.message}\n{seen.message}", data=data)


def _silent(desk: Desk, environment: Environment, found: Found) -> Found:
    """Watch the ref for the time to live of its owner, by this machine's clock alone.

    Raises:
        Locked: a sign of life came, or the window ended.
    """
    patience = found.watch.patience
    ref = watch_ref(environment.name, found.watch.run)
    who = f"{found.watch.actor or 'somebody'} on `{found.watch.host}`"
    if patience:
        desk.progress.note(f"waiting {patience:g} s for a sign of life of {who}, who watches the release")
    until = desk.clock() + patience
    while desk.clock() < until:
        desk.sleep(patience / LOOKS)
        if desk.git.ls_remote().get(ref) != found.id:
            raise Locked(f"{who} is alive, and watches the release", "`invoke status`")
    return found


def _taken(desk: Desk, environment: Environment, found: Found, probe: Probe) -> Callable[[], Outcome]:
    """Take the window; gives what looks until there is a verdict.

    Raises:
        Locked: somebody else was quicker.
    """
    held = HeldWatch.take(desk, found.id, found.watch)
    if found.watch.acts:
        return lambda: _left_behind(desk, environment, held, found.remote)
    return begin(desk, environment, held, found.remote, probe).run


def _left_behind(desk: Desk, environment: Environment, held: HeldWatch, remote: Remote) -> Outcome:
    """Its owner judged the release, and died taking it back: that is tried once, so people decide."""
    live = remote.ledger.live(environment.name)
    judged = verdict_of(remote.ledger, environment.name, held.content.run)
    why = str(judged.detail.get("why")) if judged else "nobody wrote down why"
    held.close()
    assert live is not None  # noqa: S101 - its window was found
    said = (
        f"{live.release} fails more often than its watch allows, and the run that was to take it back has"
        f" died: {why}"
    )
    hint = f"`invoke rollback --env {environment.name}`"
    alert(desk, environment, live, said, hint)
    return Outcome.failed(said, hint, watch={"verdict": "failed", "why": why, "release": live.release})


@dataclass
class Windows:
    """The windows that a `monitor.watch` takes over, between its passes.

    Args:
        seen: where each ref was, and since when by this machine's clock.
        open: those that it looks at now.
    """

    desk: Desk
    environments: Sequence[Environment]
    probe: Probe = look_at
    seen: dict[str, tuple[str, float]] = field(default_factory=dict)
    open: list[Window] = field(default_factory=list)

    def find(self, refs: Mapping[str, str]) -> None:
        """After a pass: take over what nobody watches."""
        known = {each.held.ref for each in self.open}
        there: dict[str, tuple[str, float]] = {}
        for environment in self.environments:
            for run, at in windows(refs, environment.name).items():
                ref = watch_ref(environment.name, run)
                if ref not in known:
                    seen = self.seen.get(ref, ("", 0.0))
                    there[ref] = seen if seen[0] == at else (at, self.desk.clock())
            if any(ref.startswith(watch_ref(environment.name, "")) for ref in there):
                with suppress(DeskError):
                    self._take_over(environment, there)
        self.seen = there

    def _take_over(self, environment: Environment, there: Mapping[str, tuple[str, float]]) -> None:
        found = find(self.desk, environment)
        if found is None:
            return
        at, since = there.get(watch_ref(environment.name, found.watch.run), ("", 0.0))
        if at != found.id or self.desk.clock() - since < found.watch.patience:
            return
        held = HeldWatch.take(self.desk, found.id, found.watch)
        if found.watch.acts:
            self.desk.progress.note(_left_behind(self.desk, environment, held, found.remote).message)
            return
        self.open.append(begin(self.desk, environment, held, found.remote, self.probe))

    def pause(self, until: float) -> None:
        """Until the next pass; the windows go on meanwhile."""
        desk = self.desk
        while True:  # at least once: a pass may take longer than its interval
            for window in [each for each in self.open if each.due <= desk.clock()]:
                self._tick(window)
            if desk.clock() >= until:
                return
            due = min((each.due for each in self.open), default=until)
            desk.sleep(max(0.0, min(due, until) - desk.clock()))

    def give_back(self) -> None:
        """The watch ends before its windows do: somebody else may go on."""
        for window in self.open:
            window.held.give_back()

    def _tick(self, window: Window) -> None:
        try:
            outcome = window.tick()
        except Interrupted:
            raise
        except DeskError as fault:
            self.open.remove(window)
            self.desk.progress.note(f"error: {window.environment.name}: {fault.message}")
            return
        if outcome:
            self.open.remove(window)
            self.desk.progress.note(f"{window.environment.name}: {outcome.message}")
            if outcome.code == INCONCLUSIVE and not window.overtaken:  # nobody waits for its exit code
                alert(self.desk, window.environment, window.live, outcome.message, "`invoke status`")
