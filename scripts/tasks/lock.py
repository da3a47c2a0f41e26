"""`lock.*`: who holds what, and ending somebody's run."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import ENV, JSON, REASON, UNDO, YES, desk


@task(help={"env": ENV, "json": JSON})
def show(_c: Context, env: str = "", json: bool = False) -> None:
    """Who holds what, and what he is doing: `invoke lock.show`."""
    desk("lock.show", env=env or None, json=json)


@task(help={"env": ENV, "reason": REASON, "undo": UNDO, "yes": YES, "json": JSON})
def steal(
    _c: Context,
    env: str = "",
    reason: str = "",
    undo: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """End somebody's run and recover it: `invoke lock.steal --env staging --reason "laptop died"`."""
    desk("lock.steal", env=env, reason=reason, undo=undo, yes=yes, json=json)


collection = Collection("lock", show, steal)
