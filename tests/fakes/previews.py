"""Previews in a world in memory: two slots, and a server that holds a set of databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.database.postgres.url import Database
from scripts.errors import DeskError
from scripts.preview import end, sweep, up
from scripts.preview.databases import Made
from scripts.preview.request import PreviewUpRequest
from scripts.state.preview_lease import FILE, PREFIX, PreviewLease, checked_lease
from scripts.system import process, signals
from scripts.system.secret import Secret
from tests.fakes.driver import FakeDriver
from tests.fakes.git import FakeGit
from tests.fakes.world import World, build_world

SLOTS = {
    name: {"url": f"https://{name}.example.org", "ssh_host": name, "repl_id": f"id-of-{name}"}
    for name in ("one", "two")
}


@dataclass
class FakeDatabases:
    """Databases by slot: the commit whose migrations they have; "" for an empty one.

    Args:
        faults: by method: raised by it.
    """

    there: dict[str, str] = field(default_factory=dict)
    faults: dict[str, DeskError] = field(default_factory=dict)

    def described(self, slot: str) -> dict[str, str]:
        """As on a server."""
        return {"kind": "server", "name": f"preview_{slot}"}

    def ensure(self, slot: str, *, anew: bool = False) -> Made:
        """Make it, if there is none."""
        self._may("ensure")
        fresh = anew or slot not in self.there
        self.there[slot] = "" if fresh else self.there[slot]
        return Made(Database("previews.example.org", 5432, slot, "u", Secret(""), "disable"), fresh)

    def drop(self, slot: str) -> bool:
        """Drop it."""
        self._may("drop")
        return self.there.pop(slot, None) is not None

    def slots(self) -> tuple[str, ...]:
        """Those that have one."""
        return tuple(self.there)

    def _may(self, method: str) -> None:
        if method in self.faults:
            raise self.faults[method]


@dataclass
class Previews:
    """A world with two slots."""

    world: World
    databases: FakeDatabases

    def up(self, branch: str = "feature/x", actor: str = "Ada", **options: Any) -> Outcome:
        """`preview.up`, as typed by somebody."""
        return up.up(self.world.desk(actor), PreviewUpRequest(branch=branch, **options))

    def feature(self, branch: str = "feature/x", text: str = "1") -> str:
        """Push a commit to a feature branch, which begins at `develop`; returns its id."""
        ref = f"refs/heads/{branch}"
        self.world.remote.refs.setdefault(ref, self.world.head("develop"))
        return self.world.commit(branch, {"feature": text})

    def driver(self, slot: str = "one") -> FakeDriver:
        """The driver of a slot."""
        return self.world.drivers[f"preview-{slot}"]

    @property
    def leases(self) -> dict[str, PreviewLease]:
        """Every lease on the remote."""
        git = FakeGit(self.world.remote)
        return {
            ref.removeprefix(PREFIX): checked_lease(
                git.document(commit, FILE).document, ref.removeprefix(PREFIX)
            )
            for ref, commit in self.world.remote.refs.items()
            if ref.startswith(PREFIX)
        }

    @property
    def at_work(self) -> list[str]:
        """Locks and candidates on the remote."""
        return [
            r
            for r in self.world.remote.refs
            if r.startswith(("refs/deploy/lock/", "refs/deploy/candidate/"))
        ]


def build_previews(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Previews:
    """Slots `one` and `two`; `develop` has a commit, and `feature/x` one more."""
    world = build_world(folder, monkeypatch, **{"preview__slots": SLOTS, "preview__ttl": "1h", **changes})
    world.commit("develop", {"supabase/migrations/20240101000000_first.sql": "create table a ();"}, "first")
    for name in SLOTS:
        world.drivers[f"preview-{name}"] = FakeDriver(name="mcp")
    made = Previews(world, FakeDatabases())
    made.feature()

    def content(
        _desk: object,
        databases: FakeDatabases,
        slot: str,
        _made: Made,
        commit: str,
        *,
        check: Callable[[], None],
    ) -> str:
        check()
        databases.there[slot] = commit
        return "migrated"

    for module in (end, sweep, up):
        monkeypatch.setattr(module, "databases_of", lambda *_: made.databases)
    monkeypatch.setattr(up, "bring_up_to_date", content)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    monkeypatch.setattr(process, "end_all", lambda: None)
    return made
