"""`env.*`: configuration and secrets, before and after they ship."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.secrets.request import CheckRequest, ConfigRequest, DiffRequest, PushRequest, ScanRequest
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(CheckRequest)
def check() -> Callable[[Desk, CheckRequest], Outcome]:
    """Find mistakes in configuration and secrets: `invoke env.check --env staging`."""
    from scripts.secrets.check import check_environments

    return check_environments


@command(ScanRequest)
def scan() -> Callable[[Desk, ScanRequest], Outcome]:
    """Search a built bundle or a live site for secrets: `invoke env.scan dist --env staging`."""
    from scripts.secrets.scan_command import scan_target

    return scan_target


@command(DiffRequest)
def diff() -> Callable[[Desk, DiffRequest], Outcome]:
    """Compare two environments by names and digests: `invoke env.diff --from staging --to prod`."""
    from scripts.secrets.diff import diff

    return diff


@command(PushRequest)
def push() -> Callable[[Desk, PushRequest], Outcome]:
    """Send variables to the Edge Functions' project: `invoke env.push --env staging --plan`."""
    from scripts.secrets.push import push

    return push


@command(ConfigRequest)
def show() -> Callable[[Desk, ConfigRequest], Outcome]:
    """Show each setting and variable, and where it comes from: `invoke config.show --env staging`."""
    from scripts.secrets.config_show import show

    return show


config = Collection("config", show)
collection = Collection("env", check, diff, push, scan)
