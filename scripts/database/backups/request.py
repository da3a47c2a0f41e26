"""The requests of the `backup` tasks."""

from __future__ import annotations

from scripts.config.request import ENV, Request, env, option, plan, yes

SHRINK = "accept it although tables lost more than a fifth of their rows since the last proven one"
PARTIAL = "accept a proof without what needs extensions that the scratch server lacks"


class BackupRequest(Request):
    """`backup`: dump, restore into a scratch database, compare."""

    closes = True

    env: str = env(required=True)
    kind: str = option("`manual`, or `daily` for the nightly job", default="manual")
    proof: bool = option(
        "restore it and compare; `--no-proof` leaves that to `backup.verify`", default=True
    )
    accept_shrink: bool = option(SHRINK, default=False)
    accept_partial_proof: bool = option(PARTIAL, default=False)


class ListBackupsRequest(Request):
    """`backup.list`: every backup, with its proof."""

    env: str = env(f"{ENV}; all if left out")
    check: bool = option(
        "fail if none is proven and young enough, or a copy of one is gone or damaged", default=False
    )
    deep: bool = option("as `--check`, and read every file to its end", default=False)


class VerifyBackupRequest(Request):
    """`backup.verify`: prove a backup again."""

    backup: str = option(
        "its id, as `backup.list` shows it; `newest`: the newest proven one of `--env`", positional=True
    )
    env: str = env()
    accept_shrink: bool = option(SHRINK, default=False)
    accept_partial_proof: bool = option(PARTIAL, default=False)
    repair: bool = option("bring an intact copy where one is missing or damaged", default=False)


class PruneBackupsRequest(Request):
    """`backup.prune`: remove the backups that no rule keeps."""

    env: str = env(required=True)
    plan: bool = plan()
    yes: bool = yes()
