"""A preview in a slot whose app follows the remote: the launcher is real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.desk import Desk
from tests.integration.test_preview import GUIDES, MIGRATION, SEED, One
from tests.support import skips
from tests.support.sandboxes import sandbox

pytestmark = [pytest.mark.timeout(600), skips.LONG]


def test_a_feature_is_shown_by_the_launcher(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Up, updated in place, ended: by its ref alone, without ssh and without a Publish."""
    with sandbox(tmp_path_factory, "launched", driver="launcher") as world:
        one = One(Desk(world), tmp_path)
        for number, files in enumerate(
            ({MIGRATION: GUIDES, "supabase/seed.sql": SEED}, {"NOTES.md": "again\n"})
        ):
            commit = one.push("feature/guides", files)
            up = one("preview.up", "--branch", "feature/guides")
            assert up.code == 0, up.err
            assert (one.stamp()["commit"], one.titles()) == (commit, ["seeded"]), number
            assert one.desk.refs("refs/deploy/")["refs/deploy/live/preview-one"] == commit
        down = one("preview.down", "--branch", "feature/guides")
        assert down.code == 0, down.err
        assert one.stamp()["commit"] != commit
        assert one.databases() == set()
        assert set(one.desk.refs("refs/deploy/")) == {"refs/deploy/live/preview-one"}
