"""A world in memory for the tests of releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.world import World, build_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three environments; `develop` has one commit with one migration, nothing is released."""
    made = build_world(tmp_path, monkeypatch)
    made.commit("develop", {"supabase/migrations/20240101000000_first.sql": "create table a ();"}, "first")
    return made
