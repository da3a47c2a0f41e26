"""Which driver an environment has."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.replit.driver import Driver


def _mcp(desk: Desk, environment: Environment) -> Driver:
    from scripts.replit.mcp import McpDriver

    return McpDriver(desk, environment)


def _manual(desk: Desk, environment: Environment) -> Driver:
    from scripts.replit.manual import ManualDriver

    return ManualDriver(desk, environment)


def _launcher(desk: Desk, environment: Environment) -> Driver:
    from scripts.replit.launcher_driver import LauncherDriver

    return LauncherDriver(desk, environment)


# by what `publish` names; a run imports those of its own environments
DRIVERS: dict[str, Callable[[Desk, Environment], Driver]] = {
    "mcp": _mcp,
    "manual": _manual,
    "launcher": _launcher,
}


def driver_of(desk: Desk, environment: Environment) -> Driver:
    """The driver that `publish` names in `pipeline.toml`."""
    return DRIVERS[environment.publish](desk, environment)
