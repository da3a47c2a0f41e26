"""The options of the tasks that work on a database: migrations, restores and refreshes."""

from __future__ import annotations

from scripts.config.request import ENV, Request, env, option, plan, reason, wait, yes


class RehearseRequest(Request):
    """`db.rehearse`: prove every rollback script on a scratch database."""

    env: str = env()
    sha: str = option("commit, branch or tag; the branch's head if left out")
    scratch: bool = option(
        "ask no environment, and write nothing to the ledger: for pull requests, without any secret",
        default=False,
    )


class DatabaseStatusRequest(Request):
    """`db.status`: compare histories with the migrations that are live."""

    env: str = env(f"{ENV}; all if left out")


class DriftRequest(Request):
    """`db.drift`: compare a schema with what it should be."""

    from_: str = option(ENV, required=True)
    to: str = option(f"compare with this {ENV}", short="t")
    against: str = option("`migrations`: compare with what they make of an empty database")
    sha: str = option("commit, branch or tag; the live release's if left out")


class AdoptRequest(Request):
    """`db.adopt`: record the migrations that a database has already."""

    closes = True

    env: str = env(required=True)
    sha: str = option("commit, branch or tag; the branch's head if left out")
    also: str = option("versions of files that are applied, though that can't be told: `V,V`")
    baseline: bool = option("make one migration of what stands, for a team that has none", default=False)
    reason: str = reason()
    plan: bool = plan()
    yes: bool = yes()
    wait: bool = wait()


class RestoreRequest(Request):
    """`db.restore`: replace a database by a backup."""

    closes = True

    backup: str = option(
        "its id, as `backup.list` shows it; `newest`: the newest proven one; with `--from-aside`, a run's",
        positional=True,
    )
    env: str = env(required=True)
    from_aside: bool = option(
        "put back the schemas that this run kept, in place of a backup", default=False
    )
    reason: str = reason()
    plan: bool = plan()
    yes: bool = yes()
    wait: bool = wait()


class DropAsideRequest(Request):
    """`db.drop-aside`: drop the old schemas that restores kept."""

    closes = True

    env: str = env(required=True)
    reason: str = reason()
    plan: bool = plan()
    yes: bool = yes()


class RefreshRequest(Request):
    """`db.refresh`: replace an environment's data with a masked copy of another's."""

    closes = True

    to: str = option(f"{ENV}; never a guarded one", short="t", required=True)
    from_: str = option("where the data comes from; the last of the chain if left out")
    reason: str = reason()
    plan: bool = plan()
    yes: bool = yes()
    wait: bool = wait()
