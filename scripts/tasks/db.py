"""`db.*`: the databases and their migrations."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import ENV, JSON, PLAN, REASON, WAIT, YES, desk, help_or

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


CONSENT = {"reason": REASON, "plan": PLAN, "yes": YES, "json": JSON}


@task(
    help={"backup": "its id, as `backup.list` shows it", "env": ENV, "wait": WAIT, **CONSENT},
)
def restore(
    _c: Context,
    backup: str,
    env: str = "",
    reason: str = "",
    plan: bool = False,
    yes: bool = False,
    wait: bool = False,
    json: bool = False,
) -> None:
    """Replace a database by a backup, all or nothing: `invoke db.restore ID --env staging --plan`."""
    choice = {"backup": help_or(backup, "db.restore"), "reason": reason}
    desk("database.restore", env=env, plan=plan, yes=yes, wait=wait, json=json, **choice)


@task(help={"env": ENV, **CONSENT})
def drop_aside(
    _c: Context, env: str = "", reason: str = "", plan: bool = False, yes: bool = False, json: bool = False
) -> None:
    """Drop what restores moved aside, for good: `invoke db.drop-aside --env staging --plan`."""
    desk("database.asides", env=env, reason=reason, plan=plan, yes=yes, json=json)


@task(
    help={
        "to": f"{ENV}; never a guarded one",
        "from_": "where the data come from; the last of the chain if left out",
        "wait": WAIT,
        **CONSENT,
    }
)
def refresh(
    _c: Context,
    to: str = "",
    from_: str = "",
    reason: str = "",
    plan: bool = False,
    yes: bool = False,
    wait: bool = False,
    json: bool = False,
) -> None:
    """Make an environment's data a masked copy of production's: `invoke db.refresh --to staging`."""
    choice = {"from_": from_ or None, "reason": reason}
    desk("database.refresh", to=to, plan=plan, yes=yes, wait=wait, json=json, **choice)


collection = Collection("db", rehearse, status, drift, refresh, restore, drop_aside)
