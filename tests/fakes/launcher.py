"""A launcher in memory: it follows the refs of a remote in memory, and answers at `/-/release`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from scripts import http
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.replit.launcher_driver import HEADER, LauncherDriver, live_ref
from scripts.replit.live import Expected
from tests.fakes.git import FakeRemote
from tests.fakes.world import World

TOKEN = "token-of-the-launcher"


@dataclass
class FakeLauncher:
    """One instance.

    Args:
        builds: how many looks at it a build takes.
        says: what its answer has instead of the usual.
        answers: called for each request in place of answering; None for the usual answer.
        pokes: how often it was told to look at the remote.
    """

    remote: FakeRemote
    environment: str = "staging"
    instance: str = "i-1"
    live: str | None = None
    kept: list[str] = field(default_factory=list)
    prepared: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] | None = None
    builds: int = 2
    says: dict[str, Any] = field(default_factory=dict)
    answers: Callable[[str], http.Response | None] = lambda _method: None
    pokes: int = 0
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def fetch(
        self, url: str, *, headers: Mapping[str, str], method: str = "GET", **_: object
    ) -> http.Response:
        """Answer a request, as `http.fetch` gives it."""
        self.asked.append(headers)
        given = self.answers(method)
        if given is not None:
            return given
        if not url.endswith("/-/release") or headers.get(HEADER) != TOKEN:
            return http.Response(404, {}, b"", complete=True)
        if method == "POST":
            self.pokes += 1
            self.failed = None
            return http.Response(202, {}, b"", complete=True)
        self.follow()
        return http.Response(200, {}, json.dumps(self.document()).encode(), complete=True)

    def follow(self) -> None:
        """Look at the remote: prepare candidates, and serve what is wanted once it is prepared."""
        for ref, commit in self.remote.refs.items():
            if ref.startswith(f"refs/deploy/candidate/{self.environment}/") and not self._has(commit):
                self.builds -= 1
                self.prepared[commit] = "ready" if self.builds <= 0 else "building"
        wanted = self.wanted
        if wanted and self._has(wanted) and not self.failed:
            self.kept += [self.live] if self.live and self.live not in self.kept else []
            self.live = wanted

    @property
    def wanted(self) -> str | None:
        """The commit that the ref names."""
        return self.remote.refs.get(live_ref(self.environment))

    def _has(self, commit: str) -> bool:
        return commit in (self.live, *self.kept) or self.prepared.get(commit) == "ready"

    def document(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "launcher": "1",
            "instance": self.instance,
            "environment": self.environment,
            "wanted": self.wanted,
            "live": self.live,
            "since": "2030-01-01T00:00:00Z",
            "state": "serving" if self.live else "waiting",
            "prepared": self.prepared,
            "failed": self.failed,
            "warm": [],
            "kept": self.kept,
            "remote": {"seen": "2030-01-01T00:00:00Z", "problem": None},
            "disk": {"free": 10**9},
            **self.says,
        }


def launched(
    world: World, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[FakeLauncher, LauncherDriver]:
    """A launcher of staging, and a driver that asks it."""
    launcher = FakeLauncher(world.remote, **changes)
    monkeypatch.setattr(http, "fetch", launcher.fetch)
    return launcher, driver_for(world.desk(values=lambda _: {"LAUNCHER_TOKEN": TOKEN}), world)


def driver_for(desk: Desk, world: World, **launcher: Any) -> LauncherDriver:
    """The driver of staging."""
    environment: Environment = world.settings.environments["staging"]
    table = environment.launcher._replace(**launcher)
    return LauncherDriver(desk, environment._replace(publish="launcher", launcher=table))


def staging(commit: str) -> Expected:
    """That commit, on staging."""
    return Expected(commit, "staging")
