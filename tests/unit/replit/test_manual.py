"""`publish = "manual"`: a person presses Publish."""

from __future__ import annotations

from typing import cast

from scripts.replit.manual import ManualDriver
from tests.fakes.driver import PUBLISHED
from tests.fakes.world import Notes, World


def test_a_person_is_told_what_to_press_and_what_is_waited_for(world: World) -> None:
    """It returns at once: the public URL shows when it was pressed."""
    desk = world.desk()
    ManualDriver(desk, world.settings.environments["staging"]).publish(*PUBLISHED)
    (line,) = cast(Notes, desk.progress).lines

    assert "press Publish" in line
    assert "staging" in line
    assert "https://staging.example.org" in line


def test_nobody_knows_how_the_publishing_is_doing(world: World) -> None:
    """Which is no failure; there is nothing to check, either."""
    driver = ManualDriver(world.desk(), world.settings.environments["staging"])

    assert driver.publish_status() == ("other", "")
    assert "hand" in driver.check()
    assert "--retry" in driver.unproven_hint
    assert not driver.unattended
