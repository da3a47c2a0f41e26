"""What the unit tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.system import secret
from tests.fakes.world import World, build_world


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that one test makes known is not masked in the next one's texts."""
    monkeypatch.setattr(secret, "_memory", secret._Memory())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three environments; `develop` has one commit with one migration, nothing is released."""
    made = build_world(tmp_path, monkeypatch)
    made.commit("develop", {"supabase/migrations/20240101000000_first.sql": "create table a ();"}, "first")
    return made
