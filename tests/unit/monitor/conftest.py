"""What the tests of the monitor share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.monitor import log_sources, log_stream, supabase_logs
from scripts.monitor import logs as logs_command
from scripts.sandbox.management_api import ManagementApi
from tests.fakes.functions import TOKEN
from tests.fakes.world import World, build_world
from tests.support.posts import Webhook, webhook
from tests.unit.monitor.apps import App
from tests.unit.monitor.spoken import REF, Spoken
from tests.unit.monitor.watches import Watched

WATCH = {"minutes": 2, "on_breach": "rollback"}


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


@pytest.fixture
def chat() -> Iterator[Webhook]:
    """Where notices go."""
    with webhook() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat: Webhook) -> App:
    """v1 is live in production, and passed; the next commit stands on staging."""
    world = build_world(tmp_path, monkeypatch, environment__production__watch=WATCH)
    made = App(world, {"SLACK_WEBHOOK_URL": chat.url.reveal()})
    assert made.release("one")().code == 0
    made.release("two")
    return made
