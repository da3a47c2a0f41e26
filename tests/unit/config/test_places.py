"""What journeys and load must not see, and what is said where they could."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from scripts.config import places
from scripts.git.client import Git
from scripts.system import confinement
from tests.fakes.world import Notes, World
from tests.support.fake_desk import fake_desk


def test_the_values_the_git_folder_and_the_desks_own_files_are_hidden(tmp_path: Path) -> None:
    """Those of the app and of the configuration; a link with its target. Examples are public."""
    app, env = tmp_path / "app", tmp_path / "env"
    for folder in (app, env):
        folder.mkdir()
        for name in (".env", ".env.production", ".env.production.local", ".env.staging.example", "other"):
            (folder / name).write_text("A=1")
    desk = replace(fake_desk(tmp_path, git=Git(app, "origin")), config_folder=env)

    found = set(places.hidden(desk))

    names = (".env", ".env.production", ".env.production.local")
    assert {folder / name for folder in (app, env) for name in names} <= found
    assert {app / ".git", desk.state_folder} <= found
    assert not {path for path in found if path.name.endswith(".example") or path.name == "other"}


@pytest.mark.parametrize(("why", "said"), [("", 0), ("the desk does not run as root", 1)])
def test_it_is_said_where_they_run_as_the_desks_user(
    world: World, monkeypatch: pytest.MonkeyPatch, why: str, said: int
) -> None:
    """Once, with the reason."""
    monkeypatch.setattr(confinement, "why_not", lambda: why)
    desk = world.desk()

    places.warn(desk)

    assert (
        len([line for line in cast(Notes, desk.progress).lines if f"as this user ({why})" in line]) == said
    )
