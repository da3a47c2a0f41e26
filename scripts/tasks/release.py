"""The ways a release is made, and taken back."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import (
    ACCEPT,
    ALLOW_BAD,
    ENV,
    JSON,
    PLAN,
    REASON,
    RELEASE,
    RUN_MISSING,
    UNDO,
    WAIT,
    YES,
    desk,
)


@task(help={"env": ENV, **RELEASE})
def deploy(
    _c: Context,
    env: str = "",
    sha: str = "",
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
    retry: bool = False,
    wait: bool = False,
    allow_bad: str = "",
    accept_irreversible: bool = False,
    out_of_order: bool = False,
) -> None:
    """Make the head of an environment's branch live, and prove it: `invoke deploy --env dev`."""
    desk(
        "release.deploy",
        env=env, sha=sha, retry=retry, plan=plan, wait=wait, json=json,
        yes=yes, allow_bad=allow_bad, accept_irreversible=accept_irreversible,
        out_of_order=out_of_order,
    )  # fmt: skip


@task(help={"to": ENV, "run_missing": RUN_MISSING, **RELEASE})
def promote(
    _c: Context,
    to: str = "",
    sha: str = "",
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
    retry: bool = False,
    wait: bool = False,
    allow_bad: str = "",
    accept_irreversible: bool = False,
    out_of_order: bool = False,
    run_missing: bool = False,
) -> None:
    """Take what the environment before has proven to this one: `invoke promote --to staging`."""
    desk(
        "release.promote",
        to=to, sha=sha, retry=retry, plan=plan, wait=wait, json=json,
        yes=yes, allow_bad=allow_bad, accept_irreversible=accept_irreversible,
        out_of_order=out_of_order, run_missing=run_missing,
    )  # fmt: skip


@task(
    help={
        "env": ENV,
        "to": "release to go back to, such as `v3`; the last good one if left out",
        "reason": REASON,
        "allow_bad": ALLOW_BAD,
        "accept_irreversible": ACCEPT,
        "with_data": "the data go back too, by the least losing way that is possible",
        "backup": "the backup to go back to; the newest proven one that fits, if left out",
        "rung": "take this way: `code`, `scripts`, `tables` or `full`",
        "plan": PLAN,
        "yes": YES,
        "wait": WAIT,
        "json": JSON,
    }
)
def rollback(
    _c: Context,
    env: str = "",
    to: str = "",
    reason: str = "",
    allow_bad: str = "",
    accept_irreversible: bool = False,
    with_data: bool = False,
    backup: str = "",
    rung: str = "",
    plan: bool = False,
    yes: bool = False,
    wait: bool = False,
    json: bool = False,
) -> None:
    """Bring a proven release back, and hold the line: `invoke rollback --env production`."""
    desk(
        "release.rollback",
        env=env, to=to, reason=reason, plan=plan, wait=wait, json=json,
        with_data=with_data, backup=backup, rung=rung,
        yes=yes, allow_bad=allow_bad, accept_irreversible=accept_irreversible,
    )  # fmt: skip


@task(help={"env": ENV, "undo": UNDO, "yes": YES, "json": JSON})
def resume(_c: Context, env: str = "", undo: bool = False, yes: bool = False, json: bool = False) -> None:
    """Finish or undo what a dead run began, from any machine: `invoke resume --env staging`."""
    desk("run.resume", env=env, undo=undo, yes=yes, json=json)


@task(help={"env": f"{ENV}; never a guarded one", "yes": YES, "json": JSON})
def drill(_c: Context, env: str = "staging", yes: bool = False, json: bool = False) -> None:
    """Break a release on purpose, and prove that it is caught and taken back: `invoke drill`."""
    desk("release.drill", env=env, yes=yes, json=json)
