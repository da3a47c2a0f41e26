"""What is where, and how it came there."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import (
    ACCEPT,
    ALLOW_BAD,
    ENV,
    JSON,
    OUT_OF_ORDER,
    PLAN,
    REASON,
    RELEASE,
    RETRY,
    RUN_MISSING,
    UNDO,
    WAIT,
    YES,
    desk,
)


@task(help={"json": JSON})
def status(_c: Context, json: bool = False) -> None:
    """What runs where, and everything that disagrees: `invoke status`."""
    desk("release.status", json=json)


@task(help={"env": ENV, "json": JSON})
def history(_c: Context, env: str = "", json: bool = False) -> None:
    """What was released where, by whom: `invoke history --env production`."""
    desk("release.history", env=env or None, json=json)


# Stopping the line and letting it go on.


@task(help={"env": ENV, "until": "`2030-01-02` or `2030-01-02T08:00`", "reason": REASON, "json": JSON})
def freeze(_c: Context, env: str = "", until: str = "", reason: str = "", json: bool = False) -> None:
    """No release for a time: `invoke freeze --env prod --until 2030-01-02 --reason "holidays"`."""
    desk("line.freeze", env=env, until=until, reason=reason, json=json)


@task(help={"env": ENV, "reason": REASON, "json": JSON})
def unfreeze(_c: Context, env: str = "", reason: str = "", json: bool = False) -> None:
    """Releases may go on before the time is over: `invoke unfreeze --env prod --reason "urgent"`."""
    desk("line.unfreeze", env=env, reason=reason, json=json)


@task(help={"env": ENV, "reason": REASON, "json": JSON})
def release_hold(_c: Context, env: str = "", reason: str = "", json: bool = False) -> None:
    """Releases may go on after a rollback: `invoke release-hold --env prod --reason "mended"`."""
    desk("line.release_hold", env=env, reason=reason, json=json)


# What goes round the chain, and what comes back along it.


BACK = {
    "from_": "environment or branch that has what the others lack; the last of the chain if left out",
    "to": "environment or branch where it ends; the first of the chain if left out",
    "all": "the whole chain: afterwards each branch has all that the next one has",
    "plan": PLAN,
    "yes": YES,
    "wait": WAIT,
    "json": JSON,
}
HOTFIX_HELP = {
    "branch": "branch of the remote that holds the fix, made from the last branch of the chain",
    "retry": RETRY,
    "allow_bad": ALLOW_BAD,
    "accept_irreversible": ACCEPT,
    "out_of_order": OUT_OF_ORDER,
    "plan": PLAN,
    "yes": YES,
    "wait": WAIT,
    "json": JSON,
}


@task(help=HOTFIX_HELP)
def hotfix(
    _c: Context,
    branch: str = "",
    retry: bool = False,
    allow_bad: str = "",
    accept_irreversible: bool = False,
    out_of_order: bool = False,
    plan: bool = False,
    yes: bool = False,
    wait: bool = False,
    json: bool = False,
) -> None:
    """Take a fix straight to production, then bring it back: `invoke hotfix --branch hotfix/login`."""
    desk(
        "release.hotfix",
        branch=branch, retry=retry, plan=plan, wait=wait, json=json,
        yes=yes, allow_bad=allow_bad, accept_irreversible=accept_irreversible,
        out_of_order=out_of_order,
    )  # fmt: skip


@task(help=BACK)
def backmerge(
    _c: Context,
    from_: str = "",
    to: str = "",
    all: bool = False,
    plan: bool = False,
    yes: bool = False,
    wait: bool = False,
    json: bool = False,
) -> None:
    """Bring what later branches have back to the earlier ones: `invoke backmerge --all --plan`."""
    way = {"source": from_, "target": to, "everything": all}
    desk("line.backmerge", plan=plan, yes=yes, wait=wait, json=json, **way)


# The ways a release is made, and taken back.


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
