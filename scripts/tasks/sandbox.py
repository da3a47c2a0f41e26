"""`sandbox.*`: a whole world on this machine."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import DIR, JSON, plain


@task(help={"dir": DIR, "seed": "fill production with so much data, such as `100MB`", "json": JSON})
def up(_c: Context, dir: str = "", seed: str = "", json: bool = False) -> None:
    """A whole world on this machine, no account needed: `invoke sandbox.up`."""
    plain("sandbox.up", dir=dir or None, seed=seed or None, json=json)


@task(help={"dir": DIR, "json": JSON})
def down(_c: Context, dir: str = "", json: bool = False) -> None:
    """End the sandbox, and leave nothing of it: `invoke sandbox.down`."""
    plain("sandbox.down", dir=dir or None, json=json)


collection = Collection("sandbox", up, down)
