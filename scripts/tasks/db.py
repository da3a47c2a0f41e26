"""`db.*`: the databases and their migrations."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import ENV, JSON, desk

SHA = "commit, branch or tag; the branch's head if left out"
LIVE = "commit, branch or tag; that of the live release if left out"


@task(help={"env": ENV, "sha": SHA, "json": JSON})
def rehearse(_c: Context, env: str = "", sha: str = "", json: bool = False) -> None:
    """Prove every rollback script on a scratch database: `invoke db.rehearse --env staging`."""
    desk("database.rehearse", env=env, sha=sha or None, json=json)


@task(help={"env": f"{ENV}; all if left out", "json": JSON})
def status(_c: Context, env: str = "", json: bool = False) -> None:
    """Each database's history against the migrations that are live there: `invoke db.status`."""
    desk("database.status", env=env or None, json=json)


@task(
    help={
        "from_": ENV,
        "to": f"compare with this {ENV}",
        "against": "`migrations`: compare with what they make when they are replayed from empty",
        "sha": LIVE,
        "json": JSON,
    }
)
def drift(
    _c: Context, from_: str = "", to: str = "", against: str = "", sha: str = "", json: bool = False
) -> None:
    """What a schema is against what it should be: `invoke db.drift --from prod --against migrations`."""
    choice = {"to": to or None, "against": against or None, "sha": sha or None}
    desk("database.drift", from_=from_, json=json, **choice)


collection = Collection("db", rehearse, status, drift)
