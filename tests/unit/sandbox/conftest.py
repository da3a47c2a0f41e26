"""The facts of a world without its servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.sandbox import world_facts
from scripts.sandbox.world_facts import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of which only `world.json` exists."""
    folder = tmp_path / "world"
    folder.mkdir()
    made = world_facts.invent(folder)
    made.save()
    return made
