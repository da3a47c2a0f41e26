"""What is where, and how it came there."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import ENV, JSON, desk


@task(help={"json": JSON})
def status(_c: Context, json: bool = False) -> None:
    """What runs where, and everything that disagrees: `invoke status`."""
    desk("release.status", json=json)


@task(help={"env": ENV, "json": JSON})
def history(_c: Context, env: str = "", json: bool = False) -> None:
    """What was released where, by whom: `invoke history --env production`."""
    desk("release.history", env=env or None, json=json)
