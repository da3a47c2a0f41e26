"""What people ask of backups."""

from __future__ import annotations

from scripts.config.request import Request, env, option, plan, yes

SHRINK = "count it although tables have a fifth less rows than in the last proven one"


class BackupRequest(Request):
    """`backup`: dump, restore beside, compare."""

    env: str = env()
    kind: str = option("`manual`, or `daily` for the nightly job", default="manual")
    proof: bool = option(
        "restore it beside and compare; `--no-proof` leaves that to `backup.verify`", default=True
    )
    accept_shrink: bool = option(SHRINK, default=False)


class ListBackupsRequest(Request):
    """`backup.list`: every backup, with its proof."""

    env: str = env()
    check: bool = option("fail when none is proven and young enough", default=False)


class VerifyBackupRequest(Request):
    """`backup.verify`: prove a backup again."""

    backup: str = option("its id, as `backup.list` shows it", positional=True)
    env: str = env()
    accept_shrink: bool = option(SHRINK, default=False)


class PruneBackupsRequest(Request):
    """`backup.prune`: remove what nobody needs any more."""

    env: str = env()
    plan: bool = plan()
    yes: bool = yes()
