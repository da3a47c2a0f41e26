"""What the tests of the monitor share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.world import World, build_world
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
