"""Which driver an environment has."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.replit.driver import Driver
from scripts.replit.launcher_driver import LauncherDriver
from scripts.replit.manual import ManualDriver
from scripts.replit.mcp import McpDriver

DRIVERS: dict[str, Callable[[Desk, Environment], Driver]] = {
    "mcp": McpDriver,
    "manual": ManualDriver,
    "launcher": LauncherDriver,
}


def driver_of(desk: Desk, environment: Environment) -> Driver:
    """The driver that `publish` names in `pipeline.toml`."""
    return DRIVERS[environment.publish](desk, environment)
