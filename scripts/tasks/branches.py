"""What goes round the chain, and what comes back along it."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import ACCEPT, ALLOW_BAD, JSON, OUT_OF_ORDER, PLAN, RETRY, WAIT, YES, desk

BACK = {
    "from_": "environment or branch that has what the others lack; the last of the chain if left out",
    "to": "environment or branch where it ends; the first of the chain if left out",
    "all": "the whole chain: afterwards each branch has all that the next one has",
    "plan": PLAN,
    "yes": YES,
    "wait": WAIT,
    "json": JSON,
}
HOTFIX = {
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


@task(help=HOTFIX)
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
