"""Which driver an environment has."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from scripts.config.settings import DRIVERS as NEEDS
from scripts.config.settings import Environment
from scripts.replit.drivers import DRIVERS, driver_of
from scripts.replit.launcher_driver import LauncherDriver
from scripts.replit.manual import ManualDriver
from scripts.replit.mcp import McpDriver
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def _real_drivers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake world puts its own in their place."""
    monkeypatch.setitem(DRIVERS, "mcp", McpDriver)
    monkeypatch.setitem(DRIVERS, "manual", ManualDriver)
    monkeypatch.setitem(DRIVERS, "launcher", LauncherDriver)


@pytest.mark.parametrize(
    ("publish", "kind", "unattended"),
    [("mcp", McpDriver, True), ("manual", ManualDriver, False), ("launcher", LauncherDriver, True)],
)
def test_the_driver_is_the_one_that_publish_names(
    world: World, publish: str, kind: type, unattended: bool
) -> None:
    """It knows its name, and whether it can take a release back by itself."""
    environment = world.settings.environments["staging"]._replace(publish=publish)  # type: ignore[arg-type]
    driver = driver_of(world.desk(), environment)

    assert type(driver) is kind
    assert (driver.name, driver.unattended) == (publish, unattended)


def test_every_way_to_publish_has_a_driver_and_its_needs() -> None:
    """What may stand in `pipeline.toml`, what can be made, and what `env.check` asks for."""
    allowed = set(get_args(get_type_hints(Environment)["publish"]))

    assert allowed == set(DRIVERS) == set(NEEDS)
