"""The demo's commits, in a real clone; and a command that ends otherwise than expected stops it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from scripts.errors import ReleaseFailed
from scripts.sandbox import demo, world_code
from scripts.sandbox.world import SAMPLE_APP
from scripts.sandbox.world_facts import World
from tests.support.databases import Quiet
from tests.support.repositories import Repository


@pytest.fixture
def made(world: World) -> World:
    """The world with the sample app's code and the developer's clone."""
    world_code.make_origin(world, SAMPLE_APP)
    world_code.make_clone(world)
    return world


def test_a_feature_with_a_migration_is_merged(made: World) -> None:
    """The merge commit is on the remote's `develop`; the branch is there too."""
    commit = demo.merge_feature(made)
    origin = Repository(made.origin)
    files = origin.git("diff", "--name-only", f"{commit}^1", commit).splitlines()

    assert origin.refs()["refs/heads/develop"] == commit
    assert len(origin.git("rev-list", "--parents", "-n", "1", commit).split()) == 3
    assert files[0] == "index.html"
    assert files[1].endswith("_arrival_note.sql")
    assert any(ref.startswith("refs/heads/feature/arrival-note-") for ref in origin.refs())


def test_a_second_telling_adds_no_second_migration(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sandbox may tell the story again, on a branch with another name."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            return cls(2030, 1, 1, tzinfo=tz)

    demo.merge_feature(made)
    monkeypatch.setattr(demo, "datetime", Later)
    commit = demo.merge_feature(made)

    assert Repository(made.origin).git("diff", "--name-only", f"{commit}^1", commit) == "index.html"


def test_a_bad_release_is_reverted_by_a_new_commit(made: World) -> None:
    """History is never rewritten, and the files are what they were."""
    origin = Repository(made.origin)
    before = origin.refs()["refs/heads/develop"]
    bad = demo.merge_bad_release(made)
    fixed = demo.revert_last_merge(made)

    assert origin.git("diff", "--name-only", before, bad) == "server/home.js"
    assert origin.git("diff", "--name-only", before, fixed) == ""
    assert origin.git("rev-parse", f"{fixed}^1") == bad
    assert origin.refs()["refs/heads/develop"] == fixed


def test_another_exit_code_stops_the_story(tmp_path: Path) -> None:
    """What was typed and what it printed are shown."""
    progress = Quiet()
    terminal = demo.Terminal(progress, tmp_path)
    terminal.types("--version")
    with pytest.raises(ReleaseFailed, match="ended with 0, not 1"):
        terminal.types("--version", code=1)

    assert progress.notes == ["\n$ invoke --version"] * 2
