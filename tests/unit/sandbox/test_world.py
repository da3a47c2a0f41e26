"""A world is made and removed only where that is allowed; the rest is tried in integration tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.errors import Refused, UsageError
from scripts.sandbox import commands, world
from scripts.sandbox.request import SandboxDownRequest, SandboxUpRequest
from tests.fakes.world import Notes


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """Neither filled nor removed."""
    (tmp_path / "precious").touch()
    with pytest.raises(Refused, match="not a sandbox"):
        world.down(tmp_path, on_step=lambda _step: None)
    with pytest.raises(Refused, match="neither empty nor a sandbox"):
        world.up(tmp_path, on_step=lambda _step: None)

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place to get it; no folder is made."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "ssh", "bash"):
        (programs / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(Refused, match="`node`, `npm`") as refusal:
        world.up(tmp_path / "world", on_step=lambda _step: None)

    assert "nodejs.org" in (refusal.value.hint or "")
    assert not (tmp_path / "world").exists()


def test_where_nothing_is_nothing_is_removed(tmp_path: Path) -> None:
    """The task says so."""
    folder = tmp_path / "nothing"
    world.down(folder, on_step=lambda _step: None)

    assert world.load(folder) is None
    assert commands.sandbox_down(Notes(), SandboxDownRequest(dir=str(folder))).ending == "nothing"
    assert not folder.exists()


def test_a_wrong_size_is_refused_before_a_world_is_made(tmp_path: Path) -> None:
    """The seed is read first."""
    with pytest.raises(UsageError, match="no size"):
        commands.sandbox_up(Notes(), SandboxUpRequest(dir=str(tmp_path / "world"), seed="much"))

    assert not (tmp_path / "world").exists()
