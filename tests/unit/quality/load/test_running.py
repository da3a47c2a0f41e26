"""A second load test is refused, and what a killed one left is known."""

from __future__ import annotations

import pytest

from scripts.errors import Refused
from scripts.quality.load.running import running
from tests.fakes.world import World


def test_one_at_a_time_on_an_environment(world: World) -> None:
    """Another environment, and another machine's state, are free."""
    staging, development = (world.settings.environment(name) for name in ("staging", "development"))
    with running(world.desk(), staging):
        with (
            pytest.raises(Refused, match="a load test of staging is under way"),
            running(world.desk(), staging),
        ):
            pass
        with running(world.desk(), development), running(world.desk("Bob"), staging):
            pass
    with running(world.desk(), staging):
        pass


def test_a_run_that_was_killed_is_remembered(world: World) -> None:
    """Until its rows are removed."""
    staging = world.settings.environment("staging")
    with running(world.desk(), staging) as runs:
        runs.begin("r1")
        runs.begin("r2")
        runs.over("r2")
    with running(world.desk(), staging) as runs:
        assert runs.runs == ["r1"]
        runs.over("r1")
    with running(world.desk(), staging) as runs:
        assert runs.runs == []
