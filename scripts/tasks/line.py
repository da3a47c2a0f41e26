"""Stopping the line and letting it go on."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import ENV, JSON, REASON, desk


@task(help={"env": ENV, "until": "`2030-01-02` or `2030-01-02T08:00`", "reason": REASON, "json": JSON})
def freeze(_c: Context, env: str = "", until: str = "", reason: str = "", json: bool = False) -> None:
    """No release for a time: `invoke freeze --env prod --until 2030-01-02 --reason "holidays"`."""
    desk("line.freeze", env=env, until=until, reason=reason, json=json)


@task(help={"env": ENV, "reason": REASON, "json": JSON})
def unfreeze(_c: Context, env: str = "", reason: str = "", json: bool = False) -> None:
    """Releases may go on before the time is over: `invoke unfreeze --env prod --reason "urgent"`."""
    desk("line.unfreeze", env=env, reason=reason, json=json)


@task(help={"env": ENV, "reason": REASON, "json": JSON})
def release_hold(_c: Context, env: str = "", reason: str = "", json: bool = False) -> None:
    """Releases may go on after a rollback: `invoke release-hold --env prod --reason "mended"`."""
    desk("line.release_hold", env=env, reason=reason, json=json)
