"""A production whose answers a test decides, by commit; releases travel to it, and are watched there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scripts.config.outcome import Outcome
from scripts.monitor.checks import Check, Look
from scripts.monitor.probes import Round
from scripts.monitor.takeover import watched
from scripts.release.commands import deploy, promote
from scripts.release.request import DeployRequest, PromoteRequest
from tests.fakes.world import World


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
