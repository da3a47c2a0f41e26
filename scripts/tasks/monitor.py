"""`monitor.*`: is everything as it should be, now and for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.monitor.request import (
    MonitorCheckRequest,
    MonitorLogsRequest,
    MonitorPageRequest,
    MonitorWatchRequest,
    OpenRequest,
)
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(MonitorCheckRequest)
def check() -> Callable[[Desk, MonitorCheckRequest], Outcome]:
    """Look at pages, commit, database, backups once: `invoke monitor.check --env production`."""
    from scripts.monitor.commands import check

    return check


@command(MonitorWatchRequest)
def watch() -> Callable[[Desk, MonitorWatchRequest], Outcome]:
    """Look every minute, tell the team what goes down or comes up: `invoke monitor.watch`."""
    from scripts.monitor.commands import watch

    return watch


@command(MonitorLogsRequest)
def logs() -> Callable[[Desk, MonitorLogsRequest], Outcome]:
    """Show what runs, Supabase, the workspace said as one stream: `invoke monitor.logs --since 2h`."""
    from scripts.monitor.logs import logs

    return logs


@command(MonitorPageRequest)
def page() -> Callable[[Desk, MonitorPageRequest], Outcome]:
    """Write status, uptime, incidents and figures as one HTML file: `invoke monitor.page`."""
    from scripts.monitor.page import page

    return page


@command(OpenRequest, name="open")
def open_environment() -> Callable[[Desk, OpenRequest], Outcome]:
    """Open an environment in the browser, or say its address: `invoke open --env staging`."""
    from scripts.monitor.page import open_environment

    return open_environment


collection = Collection("monitor", check, watch, logs, page)
