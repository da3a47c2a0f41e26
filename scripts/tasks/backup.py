"""`backup` and `backup.*`: proven backups."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import ENV, JSON, PLAN, YES, desk, help_or

SHRINK = "count it although tables have a fifth less rows than in the last proven one"
TAKE = {
    "env": ENV,
    "kind": "`manual`, or `daily` for the nightly job",
    "proof": "restore it beside and compare; `--no-proof` leaves that to `backup.verify`",
    "accept_shrink": SHRINK,
    "json": JSON,
}


@task(help=TAKE)
def take(
    _c: Context,
    env: str = "",
    kind: str = "manual",
    proof: bool = True,
    accept_shrink: bool = False,
    json: bool = False,
) -> None:
    """Back the database up, and prove it: `invoke backup --env production`."""
    desk("database.backup", env=env, kind=kind, proof=proof, accept_shrink=accept_shrink, json=json)


@task(name="list", help={"env": ENV, "check": "fail when none is proven and young enough", "json": JSON})
def list_(_c: Context, env: str = "", check: bool = False, json: bool = False) -> None:
    """Every backup with age, size, proof and place: `invoke backup.list --check`."""
    desk("database.backup_list", env=env or None, check=check, json=json)


@task(
    help={"backup": "its id, as `backup.list` shows it", "env": ENV, "accept_shrink": SHRINK, "json": JSON}
)
def verify(
    _c: Context, backup: str, env: str = "", accept_shrink: bool = False, json: bool = False
) -> None:
    """Restore a backup beside, and compare: `invoke backup.verify ID --env production`."""
    wanted = help_or(backup, "backup.verify")
    desk("database.backup_verify", backup=wanted, env=env or None, accept_shrink=accept_shrink, json=json)


@task(help={"env": ENV, "plan": PLAN, "yes": YES, "json": JSON})
def prune(_c: Context, env: str = "", plan: bool = False, yes: bool = False, json: bool = False) -> None:
    """Remove the backups that nobody needs any more: `invoke backup.prune --env production --plan`."""
    desk("database.backup_prune", env=env, plan=plan, yes=yes, json=json)


collection = Collection("backup", list_, verify, prune)


collection.add_task(take, default=True)
