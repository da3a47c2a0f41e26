"""What the tests of the monitor share."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.monitor import log_sources, log_stream, supabase_logs
from scripts.monitor import logs as logs_command
from scripts.sandbox.management_api import ManagementApi
from tests.fakes.functions import TOKEN
from tests.fakes.world import World, build_world
from tests.unit.monitor.spoken import REF, Spoken
from tests.unit.monitor.watches import Watched


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A commit is on each branch; nothing was released."""
    made = build_world(tmp_path, monkeypatch)
    for branch in ("develop", "staging", "main"):
        made.commit(branch)
    return made


@pytest.fixture
def watched(world: World, tmp_path: Path) -> Watched:
    """A watch over production; its looks are good."""
    return Watched(world, tmp_path / "state")


@pytest.fixture
def logs(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spoken:
    """Nothing was said yet; the world is a week old."""
    (tmp_path / "api").mkdir()
    made = Spoken(world, tmp_path, ManagementApi(tmp_path / "api", [REF], TOKEN))
    world.clock.seconds = 7 * 86_400.0
    monkeypatch.setattr(supabase_logs, "get_json", made.get_json)
    monkeypatch.setattr(log_sources, "read_log", lambda *_: made.workspace)
    for module in (logs_command, log_stream):
        monkeypatch.setattr(module, "observe_remote", made.observe)
    return made
