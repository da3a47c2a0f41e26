"""What the unit tests of quality share: a world in memory, with a release that is live on staging."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.replit.live import Expected
from scripts.state.remote import record
from tests.fakes.world import World, build_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ada's commit is live on staging as v3, and its public URL says so."""
    made = build_world(tmp_path, monkeypatch, verify__timeout=5)
    commit = made.commit("develop")
    made.remote.refs["refs/heads/staging"] = commit
    record(made.desk(), "staging", "release", commit=commit, release="v3")
    made.drivers["staging"].serve(Expected(commit, "staging"))
    return made


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader's clock is that of Paris."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
