"""`db.*`: the databases and their migrations."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import ENV, JSON, desk


@task(help={"env": ENV, "sha": "commit, branch or tag; the branch's head if left out", "json": JSON})
def rehearse(_c: Context, env: str = "", sha: str = "", json: bool = False) -> None:
    """Prove every rollback script on a scratch database: `invoke db.rehearse --env staging`."""
    desk("database.rehearse", env=env, sha=sha or None, json=json)


collection = Collection("db", rehearse)
