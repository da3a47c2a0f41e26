"""A production whose answers a test decides, by commit; releases travel to it, and are watched there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.monitor.after_release import watched
from scripts.monitor.checks import Check, Look
from scripts.monitor.probes import Round
from scripts.monitor.takeover import Windows, resumed
from scripts.release.commands import deploy, promote
from scripts.release.request import DeployRequest, PromoteRequest, ResumeRequest
from scripts.release.resume import resume
from scripts.state.ledger import Event
from tests.fakes.world import World

MINUTE = 60.0


@dataclass
class App:
    """What production answers, by commit: each so-many-th request fails, and how long the others take."""

    world: World
    values: dict[str, str]
    fails: dict[str, int] = field(default_factory=dict)
    takes: dict[str, float] = field(default_factory=dict)
    asked: int = 0

    def probe(self, _made: Round, _check: Check) -> Look:
        """One request."""
        commit = str(self.world.drivers["production"].served.commit)
        self.asked += 1
        seconds = self.takes.get(commit, 0.1)
        if commit in self.fails and self.asked % self.fails[commit] == 0:
            return Look("bad", "it answers 500", seconds)
        return Look("good", seconds=seconds)

    def release(self, subject: str) -> Any:
        """A new commit travels to production, where it is watched."""
        self.world.commit("develop", {"file": subject}, subject)
        deploy(self.desk(), DeployRequest(env="development"))
        promote(self.desk(), PromoteRequest(to="staging", yes=True))
        return self.watch

    def watch(self) -> Outcome:
        """Promote it, and watch."""
        return watched(promote, self.probe)(self.desk(), PromoteRequest(to="production", yes=True))

    def desk(self) -> Any:
        """With a chat."""
        desk = self.world.desk()
        return self.world.desk(values=lambda each: {**desk.values(each), **self.values})


class Killed(BaseException):
    """The process ends here, without any of its cleaning up."""


def nobody_waits(app: App) -> None:
    """The releases of production end at once."""
    environments: Any = app.world.settings.environments
    production = environments["production"]
    environments["production"] = production._replace(watch=production.watch._replace(wait=False))


def somewhere(app: App, name: str = "monitor") -> Windows:
    """A `monitor.watch` on another machine."""
    desk = app.world.desk(name, values=app.desk().values)
    return Windows(desk, [app.world.settings.environments["production"]], app.probe)


def passes(app: App, watch: Windows, minutes: int) -> None:
    """What a `monitor.watch` does between its passes."""
    for _ in range(minutes):
        watch.find(watch.desk.git.ls_remote())
        watch.pause(app.world.clock() + MINUTE)


def verdicts(app: App) -> list[tuple[str, str]]:
    """By release, in the order of the ledger."""
    proofs = app.world.ledger.proofs("production", "watch")
    return [(each.release, str(each.detail.get("verdict"))) for each in proofs]


def rollbacks(app: App) -> list[Event]:
    """Of production."""
    events = app.world.ledger.events
    return [each for each in events if (each.environment, each.kind) == ("production", "rollback")]


def killed_while_it_looks(app: App, patch: pytest.MonkeyPatch, looks: int = 90) -> None:
    """The release of the commit on staging dies in its window."""
    real, left = app.probe, [looks]

    def probe(made: Round, check: Check) -> Look:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return real(made, check)

    with patch.context() as dying:
        dying.setattr(app, "probe", probe)
        with pytest.raises(Killed):
            app.watch()


def finish(app: App, **changes: Any) -> Outcome:
    """`invoke resume` on another machine."""
    desk = app.world.desk("Bob", **{"values": app.desk().values, **changes})
    return resumed(resume, app.probe)(desk, ResumeRequest(env="production", yes=True))
