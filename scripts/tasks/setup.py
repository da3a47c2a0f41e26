"""Setting a desk up, and seeing that it can work."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import JSON, desk


@task(help={"env": "look at this environment alone, and at what all share", "json": JSON})
def doctor(_c: Context, env: str = "", json: bool = False) -> None:
    """Everything that a release will need, looked at before one needs it: `invoke doctor`."""
    desk("setup.doctor", env=env or None, json=json)
